import type { ConfState, NodeId, Role } from "./message.ts";
import type { ProgressView } from "./progress.ts";
import type { Raft } from "./raft.ts";

/** A node as it sees itself; cheap to make. */
export interface BasicStatus {
  readonly id: NodeId;
  readonly term: number;
  readonly vote: NodeId;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  /** `NONE`: unknown. */
  readonly leader: NodeId;
  readonly role: Role;
  readonly isLearner: boolean;
  /** The member that shall lead; `NONE` outside a transfer. */
  readonly leadTransferee: NodeId;
}

/** A node and its group. */
export interface Status extends BasicStatus {
  /** As applied here. */
  readonly config: ConfState;
  /** In ascending order of ids; empty unless this node leads. */
  readonly progress: ReadonlyMap<NodeId, ProgressView>;
}

export function basicStatusOf(raft: Raft): BasicStatus {
  const { id, term, vote, log, leader, role, isLearner, leadTransferee } = raft;
  const { committed: commit, applied } = log;
  const lastIndex = log.lastIndex();
  return { id, term, vote, commit, applied, lastIndex, leader, role, isLearner, leadTransferee };
}

export function statusOf(raft: Raft): Status {
  const progress = new Map<NodeId, ProgressView>();
  if (raft.role === "leader") {
    for (const id of raft.tracker.ids) {
      const one = raft.tracker.get(id);
      if (one !== undefined) progress.set(id, one.view());
    }
  }
  return { ...basicStatusOf(raft), config: raft.tracker.confState(), progress };
}
