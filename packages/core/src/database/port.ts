import type { Command } from "../format/sealed-batch.ts";
import type { KvReader } from "../kv/kv-reader.ts";

/** What the database may refuse before anything is proposed. */
export interface WriteLimits {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  /** Keys and values of one atomic batch. */
  readonly maxBatchBytes: number;
  /** Commands that wait, altogether. */
  readonly maxPendingBytes: number;
}

/** All that the database needs of the node behind it. */
export interface DatabasePort {
  readonly limits: WriteLimits;
  /**
   * Proposes one command and resolves with what the state machine answered, after it was applied on this node. Commands proposed
   * in one turn of the event loop are applied in the order of the calls. Takes ownership of the command's body. Settles exactly
   * once; rejects with `NOT_COMMITTED`, `UNKNOWN`, `OVERLOADED`, `CLOSED` or `STOPPED`, or with the state machine's refusal.
   */
  propose(command: Command): Promise<unknown>;
  /**
   * Resolves with a read index when the local state has reached it: from then on the local state contains everything that was
   * acknowledged anywhere before this call. The calls of one turn share one round. Rejects with `UNAVAILABLE`, `CLOSED` or `STOPPED`.
   */
  readBarrier(): Promise<number>;
  /**
   * Starts the same round in this turn, and resolves as `readBarrier` does, but with the last index up to the read index whose entry can have changed
   * the state: a state captured at or behind it contains all that must be seen.
   */
  readIndex(): Promise<number>;
  /** The live state machine's reader. Another object, or for a while an exception, once a received snapshot was switched in. */
  reader(): KvReader;
  /** Calls `listener` when the state was replaced by a received snapshot. Returns what ends the subscription. */
  onSwitch(listener: () => void): () => void;
  /** Opens the node. Idempotent. */
  open(): Promise<void>;
  /** The database is about to be closed: reads that no quorum confirms soon are rejected with `CLOSED`. */
  endReads(): void;
  /** Closes the node; what waits is rejected with `CLOSED`. Idempotent. */
  close(): Promise<void>;
}
