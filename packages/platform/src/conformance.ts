/**
 * The conformance suites of disks and networks: what a node relies on, as tests that any implementation runs.
 *
 * @packageDocumentation
 */
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
export { diskSuite, type DiskFixture, type DiskSuiteOptions } from "./conformance/disk-suite.ts";
export {
  networkSuite,
  type NetworkFixture,
  type NetworkSuiteOptions,
} from "./conformance/network-suite.ts";
