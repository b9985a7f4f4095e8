import type { ConfState, NodeId } from "raft-ts-lite";
import type { Platform } from "@holdfast/platform";
import type { Command } from "../format/sealed-batch.ts";

/** What a node must know of a member beyond its id. */
export interface MemberRecord {
  /** `host:port` at which its peers reach it. */
  readonly address: string;
}

/** Where a state machine stands in the log, stored by it in the same atomic write as the data. */
export interface AppliedState {
  /** 0 in a fresh state machine. */
  readonly index: number;
  readonly term: number;
  /** Log time of the last applied entry, in milliseconds since 1970. */
  readonly logTime: number;
  readonly epoch: number;
  readonly confState: ConfState;
  readonly members: ReadonlyMap<NodeId, MemberRecord>;
  /** Chained hash over everything applied (32 bytes); replicas with equal `index` must agree on it. */
  readonly stateHash: Uint8Array;
}

/** One committed entry as a state machine sees it. */
export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
  /** Milliseconds since 1970 by the leader's clock; never goes back along the log. The only clock that `apply` may use. */
  readonly logTime: number;
  readonly epoch: number;
  /** In order; empty for the entry of a new leader and for a configuration change. */
  readonly commands: readonly Command[];
  /** Set by the entries that change the configuration: what it is from here on. */
  readonly configuration?: {
    readonly confState: ConfState;
    readonly members: ReadonlyMap<NodeId, MemberRecord>;
  };
}

/** What one command came to: returned to its proposer, on whichever node that is. Must be the same on every replica. */
export type CommandResult =
  | { readonly ok: true; readonly value: unknown }
  /** Refused by the state machine; it changed nothing. The other commands of the entry are not affected. */
  | { readonly ok: false; readonly error: Error };

/** A consistent view of a state machine for a follower that is too far behind, or for a backup. */
export interface MachineSnapshot {
  /** Exactly the state that `chunks` holds. */
  readonly applied: AppliedState;
  /** Bytes in pieces of at most `maxChunkBytes`, in an order and form that `restore` of the same format understands. May be called once. */
  chunks(maxChunkBytes: number): AsyncIterable<Uint8Array>;
  /** Releases what the view holds. Idempotent; also after an unfinished iteration. */
  close(): Promise<void>;
}

/**
 * Replicated state. Every replica applies the same entries in the same order and must reach the same state: no clocks, no
 * randomness, no iteration order that differs between processes. An implementation that throws from `apply` stops its node.
 */
export interface StateMachine {
  /** Name and version of the snapshot format, e.g. `kv/1`. A node refuses a snapshot of a format that it does not know. */
  readonly format: string;
  /** Where this state machine stands: what the last atomic step of `apply` left. Called at any time; must be cheap. */
  applied(): AppliedState;
  /**
   * Applies entries in order. For each entry the effects, the new `AppliedState` and nothing else become visible in one atomic
   * step; durability may come later (see `checkpoint`). Never called again before the promise settles.
   * Returns, per entry, one result per command.
   */
  apply(entries: readonly CommittedEntry[]): Promise<readonly (readonly CommandResult[])[]>;
  /** Makes everything applied so far durable and returns the index up to which it is. The log is compacted only below it. */
  checkpoint(): Promise<number>;
  /** Captures a view; never waits for anything slow before the view is fixed. */
  snapshot(): Promise<MachineSnapshot>;
  /**
   * Fills this fresh state machine from a snapshot and makes it durable. A failure leaves it unusable; its location is then removed.
   * Throws `CORRUPT` when the bytes are not what a snapshot of this format holds.
   */
  restore(applied: AppliedState, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Bytes on disk, as far as known. */
  sizeBytes(): Promise<number>;
  /** `clean`: checkpoint first, so that the next open need not replay. Idempotent. */
  close(options: { readonly clean: boolean }): Promise<void>;
}

/** Where and how a state machine is opened. */
export interface StateMachineContext {
  /** A directory of its own, which exists. */
  readonly location: string;
  readonly platform: Platform;
  /**
   * The machine was restarted since this location was last used, and it was not closed cleanly: whatever was not made durable by a
   * checkpoint may be lost in part. The state machine must go back to its last checkpoint (or to nothing).
   */
  readonly lostUnsynced: boolean;
}

/** Opens a state machine, or makes an empty one. Also used to build a received snapshot beside the live state. */
export type StateMachineFactory<Machine extends StateMachine = StateMachine> = (
  context: StateMachineContext,
) => Promise<Machine>;
