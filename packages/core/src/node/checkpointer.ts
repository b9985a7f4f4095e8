import type { ResolvedSettings } from "../config/settings.ts";
import { compactionTarget } from "./compaction.ts";

export interface CheckpointerOptions {
  readonly settings: Pick<ResolvedSettings, "checkpoint" | "log">;
  /** Makes the state durable; resolves with the index up to which it is. */
  readonly checkpoint: () => Promise<number>;
  readonly log: { firstIndex(): number; bytesFrom(index: number): number };
  /** Match indexes of the followers that are alive, on a leader. */
  readonly followers: () => readonly number[];
  /** Cuts the log up to an index. */
  readonly compact: (index: number) => void;
}

/** Decides when the state is made durable, and then how far the log can be cut. One checkpoint at a time. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #entries = 0;
  #bytes = 0;
  #running = false;
  #stopped = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** One more entry is about to be applied. */
  count(bytes: number): void {
    this.#entries += 1;
    this.#bytes += bytes;
  }

  /** Starts a checkpoint when enough was applied since the last one began. Rejects when it fails. */
  async runIfDue(): Promise<void> {
    const { snapshotThreshold, snapshotBytes } = this.#options.settings.checkpoint;
    if (this.#running || (this.#entries < snapshotThreshold && this.#bytes < snapshotBytes)) return;
    this.#running = true;
    this.#entries = 0;
    this.#bytes = 0;
    const durable = await this.#options.checkpoint();
    this.#running = false;
    if (!this.#stopped) this.#cut(durable);
  }

  /** Cuts nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  #cut(checkpoint: number): void {
    const { settings, log, followers, compact } = this.#options;
    const firstIndex = log.firstIndex();
    const target = compactionTarget({
      checkpoint,
      overhead: settings.checkpoint.compactionOverhead,
      firstIndex,
      retainBytes: settings.log.retainBytes,
      followers: followers(),
      retainForFollowersBytes: settings.log.retainForFollowersBytes,
      bytesFrom: (index) => log.bytesFrom(index),
    });
    if (target >= firstIndex) compact(target);
  }
}
