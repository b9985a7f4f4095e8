import { startElection } from "./election.ts";
import { fail, proposalDropped } from "./errors.ts";
import type {
  AppendEntries,
  Heartbeat,
  InstallSnapshot,
  Message,
  NodeId,
  Snapshot,
} from "./message.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";

/** One step of a follower, in its own term. */
export function stepFollower(raft: Raft, message: Message): void {
  switch (message.type) {
    case "Propose":
      if (raft.leader === NONE) throw proposalDropped("no leader is known");
      if (raft.config.disableProposalForwarding) throw proposalDropped("this node does not lead");
      raft.send({ ...message, to: raft.leader, term: 0 });
      return;
    case "AppendEntries":
      heardFromLeader(raft, message.from);
      acceptAppend(raft, message);
      return;
    case "Heartbeat":
      heardFromLeader(raft, message.from);
      acceptHeartbeat(raft, message);
      return;
    case "InstallSnapshot":
      heardFromLeader(raft, message.from);
      acceptSnapshot(raft, message);
      return;
    case "TransferLeader":
      if (raft.leader !== NONE) raft.send({ ...message, to: raft.leader, term: raft.term });
      return;
    case "ForgetLeader":
      // The leader may be answering reads on this node's promise not to vote.
      if (raft.config.readMode !== "lease") raft.leader = NONE;
      return;
    case "TimeoutNow":
      startElection(raft, "transfer");
      return;
    case "ReadIndex":
      if (raft.leader !== NONE) raft.send({ ...message, to: raft.leader, term: 0 });
      return;
    case "ReadIndexResponse":
      // An answer to an earlier life of this node names nothing that anybody waits for.
      if (!raft.readTokens.owns(message.readToken)) return;
      raft.readStates.push({ index: message.index, token: message.readToken });
      return;
    // For candidates and leaders; late ones are normal.
    case "RequestVoteResponse":
    case "PreVoteResponse":
    case "AppendEntriesResponse":
    case "HeartbeatResponse":
    case "Unreachable":
    case "SnapshotStatus":
    case "Beat":
    case "CheckQuorum":
    // Handled before, or for the embedder.
    case "Campaign":
    case "RequestVote":
    case "PreVote":
    case "StorageAppend":
    case "StorageAppendResponse":
    case "StorageApply":
    case "StorageApplyResponse":
      return;
  }
}

/** Takes the leader's entries, or tells it where the logs may agree. */
export function acceptAppend(raft: Raft, message: AppendEntries): void {
  const { log } = raft;
  if (message.index < log.committed) {
    // Late or repeated. Everything up to our commit index agrees with this leader's log, even where it is compacted.
    acknowledge(raft, message.from, log.committed);
    return;
  }
  const matched = log.maybeAppend(message.index, message.logTerm, message.entries, message.commit);
  if (matched !== undefined) {
    acknowledge(raft, message.from, matched);
    return;
  }
  // The leader's entry at `index` is of `logTerm`, so its log holds no later term before: whole terms of ours can be
  // skipped at once, and the leader does the same with our answer.
  const start = Math.min(message.index, log.lastIndex());
  const hint = log.findConflictByTerm(start, message.logTerm);
  raft.send({
    type: "AppendEntriesResponse",
    to: message.from,
    from: raft.id,
    term: raft.term,
    index: message.index,
    logTerm: hint.term,
    reject: true,
    rejectHint: hint.index,
  });
}

export function acceptHeartbeat(raft: Raft, message: Heartbeat): void {
  raft.log.commitTo(message.commit);
  raft.send({
    type: "HeartbeatResponse",
    to: message.from,
    from: raft.id,
    term: raft.term,
    readToken: message.readToken,
  });
}

export function acceptSnapshot(raft: Raft, message: InstallSnapshot): void {
  const restored = restore(raft, message.snapshot);
  acknowledge(raft, message.from, restored ? raft.log.lastIndex() : raft.log.committed);
}

function heardFromLeader(raft: Raft, from: NodeId): void {
  if (raft.leader !== NONE && raft.leader !== from) {
    fail(`two leaders (${raft.leader}, ${from}) in term (${raft.term})`);
  }
  raft.electionElapsed = 0;
  raft.leader = from;
  raft.priorityRefusals = 0;
}

function acknowledge(raft: Raft, to: NodeId, index: number): void {
  raft.send({
    type: "AppendEntriesResponse",
    to,
    from: raft.id,
    term: raft.term,
    logTerm: 0,
    index,
    reject: false,
    rejectHint: 0,
  });
}

/** Whether the log is replaced by `snapshot`, and state and configuration will be. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= raft.log.committed) return false;
  // A snapshot of a group without this node was sent before it joined, or to another one.
  const { voters, learners, votersOutgoing } = confState;
  if (![voters, learners, votersOutgoing].some((ids) => ids.includes(raft.id))) return false;
  if (raft.log.matchTerm(index, term)) {
    // The log is complete up to here; what lies behind may be acknowledged and must stay.
    raft.log.commitTo(index);
    return false;
  }
  raft.log.restore(snapshot);
  return true;
}
