import { countWithin } from "./entry-size.ts";
import { assert, StorageError } from "./errors.ts";
import type { ConfState, Entry, HardState, Snapshot } from "./message.ts";
import type { LogStorage } from "./storage.ts";

const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/**
 * A log in memory, for tests and as the simplest example of {@link LogStorage}. It is as durable as the process.
 */
export class MemoryLogStorage implements LogStorage {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #snapshot: Snapshot = {
    metadata: { index: 0, term: 0, confState: EMPTY_CONF_STATE },
    data: new Uint8Array(0),
  };
  // What was compacted away last; the log starts behind it.
  #compactedIndex = 0;
  #compactedTerm = 0;
  #entries: Entry[] = [];

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo <= this.#compactedIndex) throw compacted(lo, this.#compactedIndex);
    assert(hi <= this.lastIndex() + 1, `entries [${lo}, ${hi}) beyond (${this.lastIndex()})`);
    const first = this.#compactedIndex + 1;
    const found = this.#entries.slice(lo - first, hi - first);
    const count = countWithin(found, maxBytes);
    return count === found.length ? found : found.slice(0, count);
  }

  term(index: number): number {
    if (index < this.#compactedIndex) throw compacted(index, this.#compactedIndex);
    if (index === this.#compactedIndex) return this.#compactedTerm;
    return this.#entries[index - this.#compactedIndex - 1]?.term ?? 0;
  }

  firstIndex(): number {
    return this.#compactedIndex + 1;
  }

  lastIndex(): number {
    return this.#compactedIndex + this.#entries.length;
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Writes `entries`, over what lies at and behind the first of them. Those that are compacted are skipped. */
  append(entries: readonly Entry[]): void {
    const rest = entries.filter((entry) => entry.index > this.#compactedIndex);
    const from = rest[0]?.index;
    if (from === undefined) return;
    assert(from <= this.lastIndex() + 1, `entries from (${from}) leave a gap`);
    this.#entries.length = from - this.#compactedIndex - 1;
    for (const entry of rest) this.#entries.push(entry);
  }

  /** Replaces log and state by a snapshot. Throws `COMPACTED` when there is a newer one already. */
  applySnapshot(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    if (index <= this.#snapshot.metadata.index) {
      throw compacted(index, this.#snapshot.metadata.index);
    }
    this.#snapshot = snapshot;
    this.#compactedIndex = index;
    this.#compactedTerm = term;
    this.#entries = [];
  }

  /** Notes a snapshot of the state at `index`; the log stays as it is until {@link MemoryLogStorage.compact}. */
  createSnapshot(index: number, confState: ConfState, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) {
      throw compacted(index, this.#snapshot.metadata.index);
    }
    assert(index <= this.lastIndex(), `snapshot (${index}) beyond (${this.lastIndex()})`);
    this.#snapshot = { metadata: { index, term: this.term(index), confState }, data };
    return this.#snapshot;
  }

  /** Drops entries up to and with `index`, which must be applied. */
  compact(index: number): void {
    if (index <= this.#compactedIndex) throw compacted(index, this.#compactedIndex);
    assert(index <= this.lastIndex(), `compact (${index}) beyond (${this.lastIndex()})`);
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#compactedIndex);
    this.#compactedIndex = index;
    this.#compactedTerm = term;
  }
}

function compacted(index: number, upTo: number): StorageError {
  return new StorageError("COMPACTED", `entry (${index}) is compacted (up to ${upTo})`);
}
