import type { Entry } from "raft-ts-lite";
import { sealOf } from "../format/sealed-entry.ts";

/** Forget evicted slots of an array once there are so many, and they are more than half of it. */
const TRIM_AFTER = 1_024;

/** The bound that the tails of all groups share. The group that was written longest ago gives first. */
export class EntryCache {
  readonly #limit: number;
  #used = 0;
  /** In the order in which they were last written. */
  readonly #tails = new Set<CachedTail>();

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** A tail that counts against this bound. */
  tail(): CachedTail {
    return new CachedTail((tail, grown) => this.#resized(tail, grown));
  }

  #resized(tail: CachedTail, grown: number): void {
    this.#used += grown;
    if (grown > 0) {
      this.#tails.delete(tail);
      this.#tails.add(tail);
      this.#evict();
    } else if (tail.isEmpty) {
      this.#tails.delete(tail);
    }
  }

  #evict(): void {
    for (const tail of this.#tails) {
      while (this.#used > this.#limit && !tail.isEmpty) tail.evictFirst();
      if (this.#used <= this.#limit) return;
    }
  }
}

/** The newest entries of one group, without a hole. Counted in sealed bytes. */
export class CachedTail {
  readonly #resized: (tail: CachedTail, grown: number) => void;
  /** Slots before `#head` were evicted. */
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  /** Index of the entry in slot `#head`. */
  #first = 1;

  constructor(resized: (tail: CachedTail, grown: number) => void) {
    this.#resized = resized;
  }

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  /** Index of the oldest entry. */
  get first(): number {
    return this.isEmpty ? Infinity : this.#first;
  }

  get(index: number): Entry | undefined {
    return index < this.#first ? undefined : this.#entries[this.#head + index - this.#first];
  }

  /** Adds an entry that follows the newest one. */
  push(entry: Entry): void {
    if (this.isEmpty) this.#first = entry.index;
    this.#entries.push(entry);
    this.#resized(this, bytesOf(entry));
  }

  /** Forgets the entries from `from` on. */
  truncate(from: number): void {
    let freed = 0;
    while (!this.isEmpty && this.#first + this.#entries.length - this.#head > from) {
      freed += bytesOf(this.#entries.pop());
    }
    this.#resized(this, -freed);
  }

  /** Forgets the entries up to `index`. */
  compact(index: number): void {
    while (!this.isEmpty && this.#first <= index) this.evictFirst();
  }

  evictFirst(): void {
    const entry = this.#entries[this.#head];
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    this.#first += 1;
    if (this.isEmpty) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > TRIM_AFTER && this.#head * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    this.#resized(this, -bytesOf(entry));
  }
}

function bytesOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : (sealOf(entry)?.length ?? entry.data.length);
}
