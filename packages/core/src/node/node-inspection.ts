import type { ConfState, Inspection, NodeId, Role } from "raft-ts-lite";
import type { GroupLog } from "../log/group-log.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import type { Runtime } from "./runtime.ts";

/** An entry of the log as an inspection shows it. */
export interface InspectedEntry {
  readonly term: number;
  /** `Normal`, `ConfChange` or `ConfChangeV2`. */
  readonly type: string;
  readonly data: Uint8Array;
}

/**
 * The inside of an open node, always as it is at the moment of asking: for invariants that a simulator checks after every step. Everything is
 * synchronous, takes the same short time however long the log is, and changes nothing. The object stays the same for one life of the
 * node, from open to close, and must not be asked after it.
 */
export interface NodeInspection {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly vote: NodeId;
  /** 0: none is known. */
  readonly leader: NodeId;
  readonly commit: number;
  /** Up to here the core was told that entries are applied. The state machine may be ahead of it, see `machine`, never behind. */
  readonly applied: number;
  /** Of the log as the core sees it: behind a snapshot that is still being switched in, its index + 1. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** The log said of every entry up to here that it is durable, in the term that `termOf` gives it. */
  readonly stableIndex: number;
  /** Term and vote that the log has made durable. */
  readonly durable: { readonly term: number; readonly vote: NodeId };
  /** The term of entry `index`, durable or not. `undefined`: below `firstIndex - 1` or above `lastIndex`. */
  termOf(index: number): number | undefined;
  /** Entry `index`, durable or not; its bytes must not be changed. `undefined` also when it is on the disk only. */
  entry(index: number): InspectedEntry | undefined;
  /** The configuration that quorums are counted by: as applied. */
  readonly confState: ConfState;
  /** Where the live state machine stands. */
  readonly machine: {
    readonly index: number;
    readonly term: number;
    /** 32 bytes; equal on every member that stands at the same index. */
    readonly stateHash: Uint8Array;
  };
}

/** See {@link NodeInspection}. */
export class RuntimeInspection<Machine extends StateMachine> implements NodeInspection {
  readonly #runtime: Runtime<Machine>;
  readonly #core: Inspection;
  readonly #log: GroupLog;

  constructor(runtime: Runtime<Machine>) {
    this.#runtime = runtime;
    this.#core = runtime.replica.inspection;
    this.#log = runtime.replica.log;
  }

  get id(): NodeId {
    return this.#core.id;
  }

  get role(): Role {
    return this.#core.role;
  }

  get term(): number {
    return this.#core.term;
  }

  get vote(): NodeId {
    return this.#core.vote;
  }

  get leader(): NodeId {
    return this.#core.leader;
  }

  get commit(): number {
    return this.#core.commit;
  }

  get applied(): number {
    return this.#core.applied;
  }

  get firstIndex(): number {
    return this.#core.firstIndex;
  }

  get lastIndex(): number {
    return this.#core.lastIndex;
  }

  get stableIndex(): number {
    // The core hears of a write later than the log does; and not at all of one from a passed term, although what it
    // acknowledged has left.
    const held = this.#log.lastIndex();
    const last = Math.min(this.#core.lastIndex, held);
    let index = Math.min(this.#core.stableIndex, held);
    while (index < last && this.#log.term(index + 1) === this.#core.termOf(index + 1)) index += 1;
    return index;
  }

  get durable(): { readonly term: number; readonly vote: NodeId } {
    return this.#log.hardState;
  }

  get confState(): ConfState {
    return this.#core.confState;
  }

  get machine(): NodeInspection["machine"] {
    return this.#runtime.slot.machine.applied();
  }

  termOf(index: number): number | undefined {
    return this.#core.termOf(index);
  }

  entry(index: number): InspectedEntry | undefined {
    if (index > this.#core.stableIndex) return this.#core.unstableEntry(index);
    return index < this.#core.firstIndex ? undefined : this.#log.cached(index);
  }
}
