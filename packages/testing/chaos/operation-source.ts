import type { Random } from "@holdfast/platform";
import type { HistoryChange, HistoryOperation } from "@holdfast/testing/history";

/** Keys of one family are joined by batches and scans; families are not. */
const FAMILIES = 6;

/** Few, so that clients meet. */
const KEYS = 4;

/**
 * After so long, new families: the histories of the old ones end, and an operation with unknown outcome, which stays open for
 * ever, is in the way of a few hundred others at most when the history is checked.
 */
const EPOCH_MS = 4_000;

/** Draws the operations of a workload: contended keys, values that are never written twice, and keys that are written only once. */
export class OperationSource {
  readonly #random: Random;
  #serial = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The next operation at this time of the run. */
  next(elapsedMs: number): HistoryOperation {
    const epoch = Math.floor(elapsedMs / EPOCH_MS);
    const family = `e${epoch}/f${this.#random.integer(0, FAMILIES)}`;
    const draw = this.#random.integer(0, 100);
    if (draw < 30) return { type: "get", key: this.#key(family) };
    if (draw < 55) return this.#put(this.#key(family));
    if (draw < 63) return { type: "delete", key: this.#key(family) };
    if (draw < 78) return { type: "batch", changes: this.#batch(family) };
    if (draw < 88) return this.#scan(family);
    // Written once and never again: nothing later can hide that it was lost.
    return this.#put(`once/e${epoch}/${this.#serial}`);
  }

  #key(family: string): string {
    return `${family}/k${this.#random.integer(0, KEYS)}`;
  }

  #put(key: string): HistoryChange {
    return { type: "put", key, value: String(this.#serial++) };
  }

  /** Several keys of a family, and one that tells of this batch only. */
  #batch(family: string): HistoryChange[] {
    const changes: HistoryChange[] = [this.#put(`${family}/receipt-${this.#serial}`)];
    const first = this.#random.integer(0, KEYS);
    const count = this.#random.integer(2, KEYS + 1);
    for (let i = 0; i < count; i++) {
      const key = `${family}/k${(first + i) % KEYS}`;
      changes.push(this.#random.integer(0, 5) === 0 ? { type: "delete", key } : this.#put(key));
    }
    return changes;
  }

  #scan(family: string): HistoryOperation {
    const scan = { type: "scan", from: `${family}/k`, to: `${family}/l` } as const;
    return this.#random.integer(0, 3) === 0 ? { ...scan, limit: 2 } : scan;
  }
}
