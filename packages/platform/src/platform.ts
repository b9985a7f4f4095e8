import type { Clock } from "./clock.ts";
import type { Disk } from "./disk.ts";
import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { TurnScheduler } from "./scheduler.ts";

/** Everything of the world that a node touches. The real one is {@link nodePlatform}; a simulator passes its own. */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: TurnScheduler;
  readonly disk: Disk;
  readonly network: Network;
}
