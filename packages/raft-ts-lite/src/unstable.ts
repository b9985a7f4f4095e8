import { entrySize } from "./entry-size.ts";
import { assert, fail } from "./errors.ts";
import type { Entry, Snapshot } from "./message.ts";

/** Dropped entries are cut off once they are this many and half of the array: appending stays cheap on average. */
const MIN_CUT = 64;

/**
 * The tail of the log that the storage may not hold yet: entries from `offset` on, and a snapshot that replaces all
 * before it. What was handed out in a `Ready` is in progress until the storage reports it written.
 */
export class UnstableLog {
  #snapshot: Snapshot | undefined;
  #snapshotInProgress = false;
  // The entry at `offset` is at position `#start`; what lies before it is written and waits to be cut off.
  #entries: Entry[] = [];
  #start = 0;
  #offset: number;
  #offsetInProgress: number;

  /** @param offset - the index of the first entry that is not in the storage. */
  constructor(offset: number) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get length(): number {
    return this.#entries.length - this.#start;
  }

  /** Index of the first entry after the snapshot; undefined when the storage knows it. */
  firstIndex(): number | undefined {
    return this.#snapshot === undefined ? undefined : this.#snapshot.metadata.index + 1;
  }

  /** Undefined when the storage knows it. */
  lastIndex(): number | undefined {
    return this.length > 0 ? this.#offset + this.length - 1 : this.#snapshot?.metadata.index;
  }

  /** The term of entry `index`; undefined when the storage knows it or nobody does. */
  term(index: number): number | undefined {
    if (index >= this.#offset) return this.get(index)?.term;
    const metadata = this.#snapshot?.metadata;
    return metadata?.index === index ? metadata.term : undefined;
  }

  /** Entry `index`; undefined when it is not here. */
  get(index: number): Entry | undefined {
    return index < this.#offset ? undefined : this.#entries[this.#start + index - this.#offset];
  }

  /** Entries `[lo, hi)`, which must be here. The array is the caller's. */
  slice(lo: number, hi: number): Entry[] {
    if (lo < this.#offset || hi > this.#offset + this.length || lo > hi) {
      fail(`unstable entries [${lo}, ${hi}) out of [${this.#offset}, +${this.length})`);
    }
    const at = this.#start - this.#offset;
    return this.#entries.slice(at + lo, at + hi);
  }

  /** As many of `[lo, hi)`, not empty, as fit in `maxBytes`, at least one. Copies only those. */
  sliceWithin(lo: number, hi: number, maxBytes: number): Entry[] {
    if (maxBytes === Infinity) return this.slice(lo, hi);
    const at = this.#start - this.#offset;
    let end = lo;
    for (let bytes = 0; end < hi; end += 1) {
      const entry = this.#entries[at + end];
      if (entry === undefined) break;
      bytes += entrySize(entry);
      if (bytes > maxBytes && end > lo) break;
    }
    return this.slice(lo, end);
  }

  hasNextEntries(): boolean {
    return this.#offsetInProgress < this.#offset + this.length;
  }

  /** Entries that were not handed out yet. */
  nextEntries(): Entry[] {
    return this.slice(this.#offsetInProgress, this.#offset + this.length);
  }

  hasNextSnapshot(): boolean {
    return this.#snapshot !== undefined && !this.#snapshotInProgress;
  }

  /** Everything here was handed out and is being written. */
  acceptInProgress(): void {
    if (this.length > 0) this.#offsetInProgress = this.#offset + this.length;
    if (this.#snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /**
   * The storage holds entries up to (`index`, `term`). Both must match: while they were being written, a new leader may
   * have replaced them, and an acknowledgement of what was overwritten must not make the new ones count as written.
   */
  stableTo(index: number, term: number): void {
    if (index < this.#offset || this.term(index) !== term) return;
    this.#start += index + 1 - this.#offset;
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
    if (this.#start === this.#entries.length) {
      this.#entries = [];
      this.#start = 0;
    } else if (this.#start >= MIN_CUT && this.#start * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start);
      this.#start = 0;
    }
  }

  stableSnapTo(index: number): void {
    if (this.#snapshot?.metadata.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** Starts over behind `snapshot`. */
  restore(snapshot: Snapshot): void {
    this.#replace([], snapshot.metadata.index + 1);
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Appends `entries`, of which there is at least one, after dropping everything from the first of them on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]?.index;
    assert(from !== undefined, "nothing to append");
    const end = this.#offset + this.length;
    if (from > end) fail(`entries from (${from}) leave a gap behind (${end - 1})`);
    if (from <= this.#offset) {
      // They begin in the storage, which overwrites its own tail when it gets them.
      this.#replace([...entries], from);
      return;
    }
    if (from < end) {
      this.#entries.length = this.#start + from - this.#offset;
      this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  #replace(entries: Entry[], offset: number): void {
    this.#entries = entries;
    this.#start = 0;
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }
}
