import type { EventEmitter } from "eventemitter3";
import type { NodeId, Role } from "raft-ts-lite";
import type { HoldfastDatabase } from "../database/holdfast-database.ts";
import type { HoldfastError } from "../errors.ts";
import type { Command } from "../format/sealed-batch.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import type { Revision } from "../kv/value-header.ts";
import type { Commit } from "./commit-stream.ts";
import type { ReadResult, ScanRange, ScanResult, WriteOperation } from "./key-access.ts";
import type { Members } from "./members.ts";
import type { NodeStatus } from "./status.ts";

/** What a node tells its embedder. Listeners run in the turn in which it happened and must not throw. */
export interface NodeEvents {
  /** Who leads changed, or this node's role did. `leader` is `undefined` while none is known. */
  leader: (change: {
    readonly leader: NodeId | undefined;
    readonly role: Role;
    readonly term: number;
  }) => void;
  /** The applied configuration changed; see `members.list()`. */
  members: () => void;
  /** The node stopped itself to keep its promises; everything that waited was rejected. Mend the cause, then open it again. */
  stopped: (error: HoldfastError) => void;
}

/** A member of a replicated group with a state machine of the embedder's. Made by `openMachine`. */
export interface HoldfastNode<Machine extends StateMachine = StateMachine> extends AsyncDisposable {
  /** Who this node is. */
  readonly id: NodeId;
  readonly events: EventEmitter<NodeEvents>;
  /** The members of the group, and how to change them. */
  readonly members: Members;
  /** The live state machine. Another object after a received snapshot was switched in: do not keep it. Throws `CLOSED` or `STOPPED`. */
  readonly machine: Machine;
  /** Opens the node. Idempotent; can be called again after `close` and after the node stopped itself. */
  open(): Promise<void>;
  /**
   * Closes the node: proposals that were not handed over are rejected with `CLOSED`, those whose outcome is open with `UNKNOWN`. Leaves
   * no timer, socket, thread or lock behind. Idempotent.
   */
  close(): Promise<void>;
  /**
   * Replicates a command and resolves with what the state machine answered, once it is committed by a quorum and applied on this node. Can be
   * called on any member; commands of one turn of the event loop keep their order and share an entry. Rejects with the state machine's refusal or with a `HoldfastError`:
   * `NOT_COMMITTED`, `UNKNOWN`, `TOO_LARGE`, `OVERLOADED`, `CLOSED`, `STOPPED`; with a `TypeError` when the kind is not one from 0x40 to 0xff, or, on a node with a
   * database, none of the database's.
   */
  propose(command: Command): Promise<unknown>;
  /**
   * Resolves once the local state contains everything that was acknowledged anywhere before this call (ReadIndex, Raft thesis 6.4): reads
   * of the local state are linearizable after it. Writes nothing to the log. Rejects with `UNAVAILABLE` at the deadline. The value is the read index.
   */
  readBarrier(): Promise<number>;
  /**
   * Committed entries from index `from` on (at least 1), in order, without a gap, as they are applied on this node; never ends by itself. Throws `COMPACTED`
   * when they are gone, the signal's reason, and `CLOSED` or `STOPPED` with the node.
   */
  commits(options: {
    readonly from: number;
    readonly signal?: AbortSignal;
  }): AsyncIterableIterator<Commit>;
  /** Where this node stands. Answers in every state. */
  status(): Promise<NodeStatus>;
}

/** A member of a replicated group whose state is a database. Made by `openNode`. */
export interface DatabaseNode<KDefault = string, VDefault = string> extends HoldfastNode {
  /** The replicated database: an `abstract-level` database. Closing it closes the node. */
  readonly db: HoldfastDatabase<KDefault, VDefault>;
  /**
   * Carries out all operations, in order, in one atomic step, and resolves with the revision that every key they put has from then on. For who
   * must know when a write took effect; `db` is what others use. Keys and values are bytes, and copied. Can be called on any member. Rejects as
   * `propose` does, and with a `TypeError` for anything but operations, of which there must be at least one.
   */
  write(operations: readonly WriteOperation[]): Promise<{ readonly revision: Revision }>;
  /**
   * The values of `keys`, in their order, with their revisions, all from one state: linearizable, as `db.getMany` is. Rejects with `UNAVAILABLE` at
   * the deadline, `CLOSED`, `STOPPED`; with a `TypeError` for keys that are not bytes.
   */
  read(keys: readonly Uint8Array[]): Promise<ReadResult>;
  /** The keys of a range in ascending order, or in descending order, with values and revisions; otherwise as `read`. */
  scan(range: ScanRange): Promise<ScanResult>;
}
