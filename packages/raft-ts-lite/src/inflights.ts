import { fail } from "./errors.ts";

/**
 * The appends that were sent to one follower and not yet acknowledged, as a window bounded in messages and in bytes.
 * Each is known by the index of its last entry, so that one acknowledgement frees every append at or below it.
 */
export class Inflights {
  readonly #size: number;
  readonly #maxBytes: number;
  // A ring of `count` records from `start`. It grows by doubling up to `size`: most followers are never far behind,
  // and the limit may be large.
  #indexes: number[] = [];
  #byteCounts: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** @param maxBytes - 0 or Infinity: no limit in bytes. */
  constructor(size: number, maxBytes: number) {
    this.#size = size;
    this.#maxBytes = maxBytes === 0 ? Infinity : maxBytes;
  }

  /** Appends in flight. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of entries in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether no append may be added. One that is admitted may overshoot the byte limit: no entry is ever too large. */
  full(): boolean {
    return this.#count >= this.#size || this.#bytes >= this.#maxBytes;
  }

  /** Notes an append whose last entry is `index`, above every index added since the last reset. */
  add(index: number, bytes: number): void {
    if (this.full()) fail(`append (${index}) added to full inflights (${this.#count})`);
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#byteCounts[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees every append whose last entry is at or below `index`. */
  freeLE(index: number): void {
    while (this.#count > 0) {
      const oldest = this.#indexes[this.#start] ?? 0;
      if (oldest > index) return;
      this.#bytes -= this.#byteCounts[this.#start] ?? 0;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
    this.#start = 0;
  }

  /** Forgets everything in flight. */
  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const length = Math.min(this.#size, Math.max(4, this.#indexes.length * 2));
    const indexes: number[] = [];
    const byteCounts: number[] = [];
    for (let i = 0; i < length; i++) {
      const from = (this.#start + i) % Math.max(1, this.#indexes.length);
      indexes.push(i < this.#count ? (this.#indexes[from] ?? 0) : 0);
      byteCounts.push(i < this.#count ? (this.#byteCounts[from] ?? 0) : 0);
    }
    this.#indexes = indexes;
    this.#byteCounts = byteCounts;
    this.#start = 0;
  }
}
