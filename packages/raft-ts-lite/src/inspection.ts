import type { ConfState, Entry, NodeId, Role } from "./message.ts";
import type { Raft } from "./raft.ts";
import type { GroupConfig } from "./tracker.ts";

/**
 * The inside of a node at the moment of asking, for whoever checks it after every step: each answer is O(1), makes next to
 * nothing, and changes nothing. One object serves the whole life of its {@link RawNode}.
 */
export interface Inspection {
  readonly id: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly vote: NodeId;
  /** `NONE`: unknown. */
  readonly leader: NodeId;
  readonly commit: number;
  readonly applied: number;
  /** Of the log as the core sees it: with a snapshot that is still being written, the one behind it. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Up to here the storage acknowledged the log as the core sees it; a snapshot that is still being written is above. */
  readonly stableIndex: number;
  /** As applied. */
  readonly confState: ConfState;
  /** The term of entry `index`, `[firstIndex − 1, lastIndex]`; undefined elsewhere. */
  termOf(index: number): number | undefined;
  /** Entry `index` if the storage did not acknowledge it; undefined for all others. */
  unstableEntry(index: number): Entry | undefined;
}

/** See {@link Inspection}. */
export class RaftInspection implements Inspection {
  readonly #raft: Raft;
  #config: GroupConfig | undefined;
  #confState: ConfState | undefined;

  constructor(raft: Raft) {
    this.#raft = raft;
  }

  get id(): NodeId {
    return this.#raft.id;
  }

  get role(): Role {
    return this.#raft.role;
  }

  get term(): number {
    return this.#raft.term;
  }

  get vote(): NodeId {
    return this.#raft.vote;
  }

  get leader(): NodeId {
    return this.#raft.leader;
  }

  get commit(): number {
    return this.#raft.log.committed;
  }

  get applied(): number {
    return this.#raft.log.applied;
  }

  get firstIndex(): number {
    return this.#raft.log.firstIndex();
  }

  get lastIndex(): number {
    return this.#raft.log.lastIndex();
  }

  get stableIndex(): number {
    const { snapshot, offset } = this.#raft.log.unstable;
    return (snapshot === undefined ? offset : snapshot.metadata.index) - 1;
  }

  get confState(): ConfState {
    const { tracker } = this.#raft;
    // Configurations are replaced, never changed in place.
    if (this.#confState === undefined || this.#config !== tracker.config) {
      this.#config = tracker.config;
      this.#confState = tracker.confState();
    }
    return this.#confState;
  }

  termOf(index: number): number | undefined {
    return this.#raft.log.term(index);
  }

  unstableEntry(index: number): Entry | undefined {
    return this.#raft.log.unstable.get(index);
  }
}
