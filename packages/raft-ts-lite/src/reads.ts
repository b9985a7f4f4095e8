import type { NodeId, ReadIndex, ReadToken } from "./message.ts";
import { NONE } from "./message.ts";
import { jointVoteResult } from "./quorum.ts";
import type { Raft } from "./raft.ts";
import type { PendingRead } from "./read-index.ts";
import { broadcastHeartbeat } from "./replication.ts";

/** A read arrives at the leader. */
export function takeRead(raft: Raft, message: ReadIndex): void {
  if (!raft.committedInTerm()) {
    // What an earlier leader committed and acknowledged may lie behind our commit index (thesis 6.4). That holds for a
    // single voter as well: its commit index need not be on disk before the answer to a proposal is sent.
    raft.waitingReads.push(message);
    return;
  }
  confirm(raft, message);
}

/** Something was committed: reads that waited for the first commit of this term go on. */
export function releaseWaitingReads(raft: Raft): void {
  if (raft.waitingReads.length === 0 || !raft.committedInTerm()) return;
  const reads = raft.waitingReads;
  raft.waitingReads = [];
  for (const read of reads) confirm(raft, read);
}

/** A member still follows, as of the round of heartbeats that carried `token`. */
export function takeReadAcknowledgement(raft: Raft, token: ReadToken, from: NodeId): void {
  const isQuorum = (acks: ReadonlyMap<NodeId, boolean>): boolean => {
    const { incoming, outgoing } = raft.tracker.config.voters;
    return jointVoteResult(incoming, outgoing, acks) === "VoteWon";
  };
  if (raft.config.readMode === "lease") raft.lease.acknowledge(token, from, isQuorum);
  const acks = raft.reads.acknowledge(token, from);
  if (acks === undefined || !isQuorum(acks)) return;
  for (const read of raft.reads.release(token)) answer(raft, read);
}

function confirm(raft: Raft, { readToken: token, from }: ReadIndex): void {
  // The index comes first, then the proof that this node leads: the other way round, another leader could commit more
  // in between.
  const read = { token, from, index: raft.log.committed };
  if (isAlone(raft) || holdsLease(raft)) {
    answer(raft, read);
    return;
  }
  raft.reads.add(read, raft.id);
  broadcastHeartbeat(raft, token);
}

function isAlone(raft: Raft): boolean {
  return raft.tracker.isSingleton() && raft.tracker.config.voters.incoming.has(raft.id);
}

/** During a transfer the target may be elected at any moment, inside any lease. */
function holdsLease(raft: Raft): boolean {
  if (raft.config.readMode !== "lease" || raft.leadTransferee !== NONE) return false;
  return raft.lease.holds(raft.ticks);
}

function answer(raft: Raft, { token, from, index }: PendingRead): void {
  if (from === raft.id) {
    raft.readStates.push({ index, token });
    return;
  }
  const { id, term } = raft;
  raft.send({ type: "ReadIndexResponse", to: from, from: id, term, index, readToken: token });
}
