/**
 * What went wrong, by what the caller should do about it.
 *
 * - `CLOSED`: the node or database was closed; open it again.
 * - `STOPPED`: the node stopped itself to keep its promises (failed write or sync, broken invariant), or cannot use its directory; see `cause`, mend,
 *   restart.
 * - `NOT_COMMITTED`: the proposal had no effect and never will; safe to repeat.
 * - `UNKNOWN`: the deadline passed while the outcome was open; it may still take effect. Repeat only what is idempotent.
 * - `UNAVAILABLE`: no quorum or leader answered in time; nothing was changed; try again later.
 * - `TOO_LARGE`: the value or batch exceeds a configured limit; split it, or raise the limit.
 * - `OVERLOADED`: a queue is full; slow down and repeat.
 * - `COMPACTED`: the wanted log position is gone; start over from a snapshot.
 * - `STALE`: a snapshot of the local state was older than what a linearizable read must see; take another.
 * - `SWITCHED`: the replica's state was replaced by a received snapshot while a read was open; repeat the read.
 * - `CORRUPT`: stored data is damaged; never repaired silently. The message names file and offset.
 * - `LOCKED`: the data directory is in use by another node.
 * - `IDENTITY`: the data directory belongs to another node or cluster, or was wiped under a known id.
 * - `ADDRESS`: the address cannot be bound or dialled.
 * - `MEMBERSHIP`: the change of members was refused; the message says why.
 * - `UNSUPPORTED`: data of a newer version than this software knows.
 */
export type HoldfastErrorCode =
  | "CLOSED"
  | "STOPPED"
  | "NOT_COMMITTED"
  | "UNKNOWN"
  | "UNAVAILABLE"
  | "TOO_LARGE"
  | "OVERLOADED"
  | "COMPACTED"
  | "STALE"
  | "SWITCHED"
  | "CORRUPT"
  | "LOCKED"
  | "IDENTITY"
  | "ADDRESS"
  | "MEMBERSHIP"
  | "UNSUPPORTED";

/** Every expected failure of Holdfast. The `code` says what to do; the message names what it happened to. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: HoldfastErrorCode;
  constructor(code: HoldfastErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Stops the node when an invariant is broken: stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new HoldfastError("STOPPED", `broken invariant: ${message}`);
}
