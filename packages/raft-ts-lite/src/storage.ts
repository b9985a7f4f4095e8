import type { ConfState, Entry, HardState, Snapshot } from "./message.ts";

/**
 * The stable log as the core reads it. Everything here is synchronous; what is not in memory is fetched by the embedder
 * after `UNAVAILABLE`. The storage is written by the embedder only, from `Ready` or `StorageAppend`.
 */
export interface LogStorage {
  /** The durable state found at start. A new node has term 0, vote 0, commit 0 and an empty configuration. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /**
   * Entries `[lo, hi)`, at least one, and as many more as are in memory and fit in `maxBytes` (see `entrySize`). What is returned never changes.
   * Throws `StorageError` `COMPACTED` when `lo` is compacted away, and `UNAVAILABLE` when the entries exist but are not
   * in memory: the embedder fetches them and then calls `entriesFetched`.
   */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[];
  /** The term of entry `index`, `[firstIndex − 1, lastIndex]`. Throws `COMPACTED` below; returns 0 above. Never `UNAVAILABLE`. */
  term(index: number): number;
  /** Index of the first entry not compacted (lastIndex + 1 when the log holds none). */
  firstIndex(): number;
  lastIndex(): number;
  /**
   * The newest snapshot, at or above firstIndex − 1. Throws `StorageError` `SNAPSHOT_UNAVAILABLE` when none can be had
   * just now; the core asks again later.
   */
  snapshot(): Snapshot;
}
