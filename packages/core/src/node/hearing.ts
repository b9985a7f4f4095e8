import type { Clock } from "@holdfast/platform";
import type { NodeId } from "raft-ts-lite";

/** When each member was last heard. The core's own mark is cleared at every check of the quorum, and says little just after one. */
export class Hearing {
  readonly #clock: Clock;
  readonly #withinMs: number;
  readonly #heardAt = new Map<NodeId, number>();

  constructor(clock: Clock, withinMs: number) {
    this.#clock = clock;
    this.#withinMs = withinMs;
  }

  heard(from: NodeId): void {
    this.#heardAt.set(from, this.#clock.now());
  }

  /** Whether `id` was heard lately. */
  isAlive(id: NodeId): boolean {
    const heardAt = this.#heardAt.get(id);
    return heardAt !== undefined && this.#clock.now() - heardAt <= this.#withinMs;
  }
}
