/**
 * What a Holdfast node touches of the world, as interfaces, and Node's real ones.
 *
 * @packageDocumentation
 */
export type { Clock, Timer } from "./clock.ts";
export type { Disk, DiskErrorCode, DiskFile, DiskLock, DiskStat } from "./disk.ts";
export { DiskError, NetworkError } from "./errors.ts";
export type {
  Address,
  Connection,
  ConnectionHandler,
  Listener,
  Network,
  NetworkErrorCode,
} from "./network.ts";
export type { Platform } from "./platform.ts";
export type { Random } from "./random.ts";
export type { TurnScheduler } from "./scheduler.ts";
export { nodeClock } from "./node-clock.ts";
export { nodeDisk, type NodeDiskOptions } from "./node-disk.ts";
export { nodeNetwork, type NodeNetworkOptions } from "./node-network.ts";
export { nodePlatform } from "./node-platform.ts";
export { nodeRandom } from "./node-random.ts";
export { nodeScheduler } from "./node-scheduler.ts";
export { prng } from "./prng.ts";
