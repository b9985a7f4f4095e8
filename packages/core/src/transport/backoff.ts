import type { Random } from "@holdfast/platform";

/** Pauses between attempts: the ceiling doubles from twice the shortest up to the longest, and each pause is drawn below it. */
export class Backoff {
  readonly #random: Random;
  readonly #minMs: number;
  readonly #maxMs: number;
  #ceilingMs: number;

  constructor(random: Random, minMs: number, maxMs: number) {
    this.#random = random;
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#ceilingMs = minMs;
  }

  /** The next pause, in `[min, max]`. Drawn, so that peers that lost one node do not return to it all at once. */
  next(): number {
    this.#ceilingMs = Math.min(this.#ceilingMs * 2, this.#maxMs);
    return this.#random.integer(this.#minMs, Math.max(this.#ceilingMs, this.#minMs) + 1);
  }

  /** The longest pause, drawn from its upper half: for what will not change soon. */
  longest(): number {
    this.#ceilingMs = this.#maxMs;
    return this.#random.integer(
      Math.max(this.#minMs, Math.floor(this.#maxMs / 2)),
      this.#maxMs + 1,
    );
  }

  reset(): void {
    this.#ceilingMs = this.#minMs;
  }
}
