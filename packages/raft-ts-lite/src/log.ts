import { entriesSize } from "./entry-size.ts";
import { assert, fail, StorageError } from "./errors.ts";
import type { Entry, Snapshot } from "./message.ts";
import type { LogStorage } from "./storage.ts";
import { UnstableLog } from "./unstable.ts";

/**
 * Entries, or why there are none now: `COMPACTED`, only a snapshot helps; `UNAVAILABLE`, they are being fetched.
 */
export type Fetched = readonly Entry[] | "COMPACTED" | "UNAVAILABLE";

const NO_ENTRIES: readonly Entry[] = [];

/**
 * The whole log as one: what the storage holds, and the unstable tail in front of it. Always
 * `applied <= applying <= committed <= lastIndex()`.
 */
export class RaftLog {
  readonly #storage: LogStorage;
  readonly #unstable: UnstableLog;
  readonly #maxApplyingBytes: number;
  #committed: number;
  // Handed out to be applied, and applied.
  #applying: number;
  #applied: number;
  #applyingBytes = 0;
  #applyingPaused = false;
  // Committed entries were UNAVAILABLE: nothing is ready until they are fetched, or the embedder would spin.
  #awaitingEntries = false;

  constructor(storage: LogStorage, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#maxApplyingBytes = maxApplyingBytes;
    this.#unstable = new UnstableLog(storage.lastIndex() + 1);
    const compacted = storage.firstIndex() - 1;
    this.#committed = compacted;
    this.#applying = compacted;
    this.#applied = compacted;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  get unstable(): UnstableLog {
    return this.#unstable;
  }

  firstIndex(): number {
    return this.#unstable.firstIndex() ?? this.#storage.firstIndex();
  }

  lastIndex(): number {
    return this.#unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  /** The term of entry `index`, also of the last one compacted; undefined where it is not known or does not exist. */
  term(index: number): number | undefined {
    const unstable = this.#unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#storage.term(index);
  }

  lastTerm(): number {
    const last = this.lastIndex();
    return this.term(last) ?? fail(`no term for the last entry (${last})`);
  }

  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends in (`index`, `term`) holds everything this one may have committed (paper 5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  /** Takes back at start what was committed before. */
  restoreCommitted(index: number): void {
    if (index < this.#committed || index > this.lastIndex()) {
      fail(`commit (${index}) out of [${this.#committed}, ${this.lastIndex()}]`);
    }
    this.#committed = index;
  }

  /** Appends a leader's own entries. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    if (first.index <= this.#committed) {
      fail(`append at (${first.index}) at or below commit (${this.#committed})`);
    }
    this.#unstable.truncateAndAppend(entries);
    return this.lastIndex();
  }

  /**
   * Appends what follows (`index`, `logTerm`) and takes over the leader's commit index as far as the entries reach.
   * Returns the last index that is now known to match, or undefined when the logs differ already before.
   */
  maybeAppend(
    index: number,
    logTerm: number,
    entries: readonly Entry[],
    commit: number,
  ): number | undefined {
    if (!this.matchTerm(index, logTerm)) return undefined;
    const lastNew = index + entries.length;
    const conflict = this.#findConflict(entries);
    if (conflict !== undefined) {
      // Only from the first difference on: an append that comes late must not cut off what a later one brought.
      if (conflict <= this.#committed) {
        fail(`entry (${conflict}) conflicts with commit (${this.#committed})`);
      }
      const skip = conflict - index - 1;
      this.append(skip === 0 ? entries : entries.slice(skip));
    }
    // Nothing is known about our entries behind `lastNew`: they may be of another leader.
    this.commitTo(Math.min(commit, lastNew));
    return lastNew;
  }

  /**
   * The largest index at or below `index` whose term is at most `term`: where logs may agree, seen from either side.
   * Where the term is not known, that index and term 0.
   */
  findConflictByTerm(
    index: number,
    term: number,
  ): { readonly index: number; readonly term: number } {
    for (let at = index; at > 0; at -= 1) {
      const ours = this.term(at);
      if (ours === undefined) return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Entries from `from` to the end, as many as fit; at least one where there is any. */
  entries(from: number, maxBytes: number, maxCount: number): Fetched {
    const end = this.lastIndex() + 1;
    if (from >= end) return NO_ENTRIES;
    return this.slice(from, Math.min(end, from + maxCount), maxBytes);
  }

  /** Entries `[lo, hi)`, not empty, as many as fit in `maxBytes` and at least one. */
  slice(lo: number, hi: number, maxBytes: number): Fetched {
    if (lo < this.firstIndex()) return "COMPACTED";
    if (hi > this.lastIndex() + 1) fail(`entries [${lo}, ${hi}) beyond (${this.lastIndex()})`);
    const offset = this.#unstable.offset;
    if (lo >= offset) return this.#unstable.sliceWithin(lo, hi, maxBytes);
    const cut = Math.min(hi, offset);
    const stable = this.#fetch(lo, cut, maxBytes);
    if (typeof stable === "string" || hi <= offset || stable.length < cut - lo) return stable;
    // All that is stable fits; add of the tail what fits beside it.
    const room = maxBytes - (maxBytes === Infinity ? 0 : entriesSize(stable));
    if (room <= 0) return stable;
    const tail = this.#unstable.sliceWithin(offset, hi, room);
    if (tail.length === 1 && entriesSize(tail) > room) return stable;
    return [...stable, ...tail];
  }

  /** Whether an entry in `[lo, hi)` satisfies `test`; undefined when some of them cannot be read now. */
  some(lo: number, hi: number, test: (entry: Entry) => boolean): boolean | undefined {
    for (let at = lo; at < hi;) {
      const page = this.slice(at, hi, this.#maxApplyingBytes);
      if (typeof page === "string") return undefined;
      if (page.some(test)) return true;
      at += page.length;
    }
    return false;
  }

  commitTo(index: number): void {
    if (index <= this.#committed) return;
    if (index > this.lastIndex()) {
      // A disk that lost what it had acknowledged. Only this node stops: the leader never depends on it.
      fail(`commit (${index}) beyond the last entry (${this.lastIndex()}): was the log lost?`);
    }
    this.#committed = index;
  }

  /** Commits up to `index` when that entry is of `term`: earlier ones are committed only along with one (paper 5.4.2). */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.#committed || term === 0 || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.#awaitingEntries || this.#unstable.snapshot !== undefined) {
      return false;
    }
    return this.#applying < this.#maxAppliable(allowUnstable);
  }

  /** Committed entries that were not handed out yet, within the room that is left. */
  nextCommittedEntries(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return NO_ENTRIES;
    const room = this.#maxApplyingBytes - this.#applyingBytes;
    assert(room > 0, `room for entries to apply (${room})`);
    const end = this.#maxAppliable(allowUnstable) + 1;
    const entries = this.slice(this.#applying + 1, end, room);
    if (entries === "COMPACTED") fail(`entry (${this.#applying + 1}) compacted before applied`);
    if (entries === "UNAVAILABLE") {
      this.#awaitingEntries = true;
      return NO_ENTRIES;
    }
    return entries;
  }

  /** What was UNAVAILABLE may be there now. */
  entriesFetched(): void {
    this.#awaitingEntries = false;
  }

  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const last = entries.at(-1)?.index ?? this.#applying;
    if (last > this.#committed) fail(`applying (${last}) beyond commit (${this.#committed})`);
    this.#applying = last;
    this.#applyingBytes += entriesSize(entries);
    // When more were committed than were handed out, the next one would not have fitted.
    this.#applyingPaused =
      this.#applyingBytes >= this.#maxApplyingBytes || last < this.#maxAppliable(allowUnstable);
  }

  appliedTo(index: number, bytes: number): void {
    if (index > this.#committed || index < this.#applied) {
      fail(`applied (${index}) out of [${this.#applied}, ${this.#committed}]`);
    }
    this.#applied = index;
    this.#applying = Math.max(this.#applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
  }

  /** Starts over behind `snapshot`. */
  restore(snapshot: Snapshot): void {
    this.#committed = snapshot.metadata.index;
    this.#unstable.restore(snapshot);
  }

  /** The newest snapshot; undefined when none can be had now. */
  snapshot(): Snapshot | undefined {
    if (this.#unstable.snapshot !== undefined) return this.#unstable.snapshot;
    try {
      return this.#storage.snapshot();
    } catch (error) {
      if (error instanceof StorageError && error.code === "SNAPSHOT_UNAVAILABLE") return undefined;
      throw error;
    }
  }

  #maxAppliable(allowUnstable: boolean): number {
    // With asynchronous writes, entries are applied from the storage only: a crash must not lose what was applied.
    return allowUnstable ? this.#committed : Math.min(this.#committed, this.#unstable.offset - 1);
  }

  #findConflict(entries: readonly Entry[]): number | undefined {
    for (const { index, term } of entries) {
      if (!this.matchTerm(index, term)) return index;
    }
    return undefined;
  }

  #fetch(lo: number, hi: number, maxBytes: number): Fetched {
    try {
      return this.#storage.entries(lo, hi, maxBytes);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === "SNAPSHOT_UNAVAILABLE") throw error;
      return error.code;
    }
  }
}
