import { nodeClock } from "./node-clock.ts";
import { nodeDisk } from "./node-disk.ts";
import { nodeNetwork } from "./node-network.ts";
import { nodeRandom } from "./node-random.ts";
import { nodeScheduler } from "./node-scheduler.ts";
import type { Platform } from "./platform.ts";

/** The real world, or what `overrides` puts in its place. Its disk is to be closed by whoever made it. */
export function nodePlatform(overrides: Partial<Platform> = {}): Platform {
  return {
    clock: nodeClock(),
    random: nodeRandom(),
    scheduler: nodeScheduler(),
    disk: nodeDisk(),
    network: nodeNetwork(),
    ...overrides,
  };
}
