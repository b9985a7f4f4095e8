import type { AbstractDatabaseOptions, AbstractLevel, AbstractSnapshot } from "abstract-level";

/** Encodings of keys and values that hold unless a call says otherwise. */
export type HoldfastDatabaseOptions<K, V> = Pick<
  AbstractDatabaseOptions<K, V>,
  "keyEncoding" | "valueEncoding"
>;

/**
 * A replicated database with the interface of `abstract-level`: sublevels, encodings, hooks, events, iterators and snapshots are
 * its own. What is different is said here.
 *
 * Writes resolve when they are committed by a quorum and applied on this node. A batch is one command: all of it or nothing.
 * Writes reject with a `HoldfastError`: `TOO_LARGE` before anything was proposed, `NOT_COMMITTED` when it had no effect,
 * `UNKNOWN` when that is open.
 *
 * Reads are linearizable: they see every write that was acknowledged before the call, on whichever node. A write that was not
 * awaited may or may not be seen by `get` and its like.
 *
 * Iterators and snapshots show the state of the call, and nothing that this database wrote after it: such writes are proposed when
 * the read index of the call has arrived. An iterator that finds its state too old takes a newer one before it shows anything; a
 * snapshot rejects its reads with `STALE` (see `currentSnapshot`). When a received snapshot replaces the state of this node, open
 * iterators and snapshots end with `SWITCHED`.
 *
 * Keys and values are bytes; `open` and `close` are those of the node behind.
 */
export interface HoldfastDatabase<KDefault = string, VDefault = string> extends AbstractLevel<
  Buffer,
  KDefault,
  VDefault
> {
  /**
   * As `snapshot()`, but waits until this node has applied everything that was acknowledged before the call, and captures then:
   * reads through it never reject with `STALE`. Works on sublevels, too. Rejects with `UNAVAILABLE` when no quorum answers in time.
   */
  currentSnapshot(): Promise<AbstractSnapshot>;
}
