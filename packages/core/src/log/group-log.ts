import {
  StorageError,
  entrySize,
  type ConfState,
  type Entry,
  type HardState,
  type LogStorage,
  type Snapshot,
} from "raft-ts-lite";
import { HoldfastError, assert } from "../errors.ts";
import { EMPTY_CONF_STATE } from "../format/conf-state-codec.ts";
import { type GroupWrite, sealedBytes } from "./commit-frame.ts";
import type { CachedTail } from "./entry-cache.ts";
import { EntryIndex } from "./entry-index.ts";
import { EntryReader, type EntrySource } from "./entry-reader.ts";
import type { GroupState } from "./segment-head.ts";

/** The core asks again for what it did not get, so a fetch may stop early. */
const FETCH_BYTES = 4 << 20;
/** A leader asks for as many places as it has followers, and for what to apply. */
const MAX_WANTED = 16;

interface WantedRange {
  readonly lo: number;
  readonly hi: number;
  readonly maxBytes: number;
}

/**
 * The durable log of one group, as the core reads it. Written only by {@link WriteAheadLog}, which calls the methods below the line
 * once the disk has the bytes: nothing that is seen here can be lost any more, except a commit index, which Raft finds out again.
 */
export class GroupLog implements LogStorage {
  readonly id: number;
  /** Makes the snapshot that `snapshot()` returns. Set by the node. */
  snapshotProvider: () => Snapshot = () => {
    throw new StorageError("SNAPSHOT_UNAVAILABLE", "the node is not ready to make snapshots");
  };
  readonly #tail: CachedTail;
  readonly #index = new EntryIndex();
  readonly #reader: EntryReader;
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #confState: ConfState = EMPTY_CONF_STATE;
  #wanted: WantedRange[] = [];
  /** What the last fetch brought: entries by index, each as it is in the log now. */
  #fetched = new Map<number, Entry>();

  constructor(id: number, source: EntrySource, tail: CachedTail) {
    this.id = id;
    this.#tail = tail;
    this.#reader = new EntryReader(source, this.#index);
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState };
  }

  /** Term, vote and commit index that are durable. */
  get hardState(): HardState {
    return this.#hardState;
  }

  firstIndex(): number {
    return this.#index.base + 1;
  }

  lastIndex(): number {
    return this.#index.last;
  }

  term(index: number): number {
    if (index < this.#index.base) {
      throw new StorageError("COMPACTED", `entry (${index}) is below (${this.#index.base})`);
    }
    return index > this.#index.last ? 0 : this.#index.termOf(index);
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo <= this.#index.base) {
      throw new StorageError("COMPACTED", `entry (${lo}) is not above (${this.#index.base})`);
    }
    assert(hi <= this.#index.last + 1, `entries up to (${hi}) of (${this.#index.last})`);
    const found: Entry[] = [];
    let bytes = 0;
    for (let index = lo; index < hi; index++) {
      const entry = this.cached(index);
      if (entry === undefined) {
        if (found.length > 0) return found;
        this.#want({ lo, hi, maxBytes });
        throw new StorageError("UNAVAILABLE", `entry (${index}) is not in memory`);
      }
      bytes += entrySize(entry);
      if (bytes > maxBytes && found.length > 0) return found;
      found.push(entry);
    }
    return found;
  }

  /** Entry `index`, if it is in the log and in memory. */
  cached(index: number): Entry | undefined {
    return this.#tail.get(index) ?? this.#fetched.get(index);
  }

  snapshot(): Snapshot {
    return this.snapshotProvider();
  }

  /** `entries` was asked for something that is not in memory: `fetch` it, then tell the core. */
  get wanted(): boolean {
    return this.#wanted.length > 0;
  }

  /** Brings what `entries` could not give into memory, in place of what the last call brought. Throws `CORRUPT`. */
  async fetch(): Promise<void> {
    const ranges = this.#wanted;
    this.#wanted = [];
    const fetched: Entry[] = [];
    for (const { lo, hi, maxBytes } of ranges) {
      // The log may have changed since they were asked for; the core will notice that by itself.
      const end = Math.min(hi, this.#index.last + 1);
      if (lo <= this.#index.base || lo >= end) continue;
      const found = await this.#readUnlessCompacted(lo, end, Math.min(maxBytes, FETCH_BYTES));
      for (const entry of found) fetched.push(entry);
    }
    // Replaced while the disk was read: an entry is the same if index and term are.
    const { base, last } = this.#index;
    const current = fetched.filter(
      ({ index, term }) => index > base && index <= last && this.#index.termOf(index) === term,
    );
    this.#fetched = new Map(current.map((entry) => [entry.index, entry]));
  }

  /**
   * Entries `[lo, hi)` that are in the log, at least one, and as many more as fit in `maxBytes` sealed bytes. Throws `COMPACTED`
   * when `lo` is gone, `CORRUPT` when an entry is damaged on disk.
   */
  async read(lo: number, hi: number, maxBytes: number): Promise<readonly Entry[]> {
    if (lo <= this.#index.base) throw this.#compacted(lo);
    assert(lo < hi && hi <= this.#index.last + 1, `entries [${lo}, ${hi}) are not in the log`);
    const end = this.#endWithin(lo, hi, maxBytes);
    const found: Entry[] = [];
    for (let index = lo; index < end;) {
      const cached = this.#tail.get(index);
      if (cached !== undefined) {
        found.push(cached);
        index += 1;
        continue;
      }
      for (const entry of await this.#readOnce(index, Math.min(end, this.#tail.first))) {
        found.push(entry);
        index += 1;
      }
      // What follows may have been compacted or replaced in the meantime.
      if (index <= this.#index.base || end > this.#index.last + 1) break;
    }
    return found;
  }

  /** Sealed bytes of all entries. */
  get bytes(): number {
    return this.#index.bytes;
  }

  /** Sealed bytes of the entries from `index` on. */
  bytesFrom(index: number): number {
    return this.#index.bytesFrom(index);
  }

  // ---- for the write-ahead log

  /** Log position of the first entry: what lies before is not needed for this group. `undefined` when it holds none. */
  get firstPosition(): number | undefined {
    const first = this.#index.base + 1;
    return first > this.#index.last ? undefined : this.#index.positionOf(first);
  }

  /** What a new segment says of this group. */
  get state(): GroupState {
    return {
      group: this.id,
      hardState: this.#hardState,
      compactedIndex: this.#index.base,
      compactedTerm: this.#index.termOf(this.#index.base),
      confState: this.#confState,
    };
  }

  /** Entries that should lie before the first one are missing, and no record says that they were compacted. */
  get hasGap(): boolean {
    return this.#index.hasGap;
  }

  /** Takes over what a segment says of this group. */
  restore(state: GroupState): void {
    this.#hardState = state.hardState;
    this.#confState = state.confState;
    this.compact(state.compactedIndex, state.compactedTerm);
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** The log restarts behind a snapshot. */
  restart(index: number, term: number, confState: ConfState): void {
    this.#forget(0);
    this.#index.restart(index, term);
    this.#confState = confState;
  }

  compact(index: number, term: number): void {
    this.#index.compact(index, term);
    this.#tail.compact(this.#index.base);
    for (const key of this.#fetched.keys()) {
      if (key <= this.#index.base) this.#fetched.delete(key);
    }
  }

  /** Takes over a write whose entries are at `positions`. */
  apply(write: GroupWrite, positions: readonly number[]): void {
    const { snapshot, entries, hardState } = write;
    if (snapshot !== undefined) this.restart(snapshot.index, snapshot.term, snapshot.confState);
    entries?.forEach((entry, i) => {
      this.#forget(entry.index);
      this.replay(entry.index, entry.term, positions[i] ?? 0, sealedBytes(entry).length);
      this.#tail.push(entry);
    });
    if (hardState !== undefined) this.#hardState = hardState;
  }

  /** Adds an entry, in place of the one with this index and all behind it. False when it is known to be compacted. */
  replay(index: number, term: number, position: number, length: number): boolean {
    const { base, last, compactedIndex } = this.#index;
    if (index <= compactedIndex) return false;
    // The segments with the entries before it were removed. That is in order if a record to come says that they were compacted.
    if (index > last + 1 || index <= base) this.#index.skipTo(index - 1);
    else this.#index.truncate(index);
    this.#index.append(term, position, length);
    return true;
  }

  #forget(from: number): void {
    if (from <= this.#index.last) {
      this.#tail.truncate(from);
      this.#fetched.clear();
    }
  }

  // ---- reading

  #want(range: WantedRange): void {
    if (this.#wanted.some(({ lo, hi }) => lo === range.lo && hi >= range.hi)) return;
    this.#wanted = this.#wanted.filter(({ lo }) => lo !== range.lo).slice(1 - MAX_WANTED);
    this.#wanted.push(range);
  }

  async #readUnlessCompacted(lo: number, hi: number, maxBytes: number): Promise<readonly Entry[]> {
    try {
      return await this.read(lo, hi, maxBytes);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === "COMPACTED") return [];
      throw error;
    }
  }

  /** Where `[lo, hi)` must end to fit in `maxBytes`, but not before `lo + 1`. */
  #endWithin(lo: number, hi: number, maxBytes: number): number {
    const before = this.#index.bytesFrom(lo);
    let end = lo + 1;
    while (end < hi && before - this.#index.bytesFrom(end + 1) <= maxBytes) end += 1;
    return end;
  }

  async #readOnce(from: number, end: number): Promise<readonly Entry[]> {
    try {
      return await this.#reader.read(from, end);
    } catch (error) {
      // Its segment may have been removed under way.
      if (from <= this.#index.base) throw this.#compacted(from);
      throw error;
    }
  }

  #compacted(index: number): HoldfastError {
    return new HoldfastError(
      "COMPACTED",
      `entry (${index}) of group (${this.id}) is compacted up to (${this.#index.base}); start from a snapshot`,
    );
  }
}
