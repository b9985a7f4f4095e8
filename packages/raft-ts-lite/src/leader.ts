import { fail } from "./errors.ts";
import { appendProposal } from "./membership.ts";
import type {
  AppendEntriesResponse,
  HeartbeatResponse,
  Message,
  NodeId,
  SnapshotStatus,
} from "./message.ts";
import { NONE } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Raft } from "./raft.ts";
import { releaseWaitingReads, takeRead, takeReadAcknowledgement } from "./reads.ts";
import {
  broadcastAppend,
  broadcastHeartbeat,
  maybeSendAppend,
  sendAllAppends,
} from "./replication.ts";

/** One step of a leader, in its own term. */
export function stepLeader(raft: Raft, message: Message): void {
  switch (message.type) {
    case "Beat":
      broadcastHeartbeat(raft, raft.reads.newest());
      return;
    case "CheckQuorum":
      checkQuorumActive(raft);
      return;
    case "Propose":
      appendProposal(raft, message);
      broadcastAppend(raft);
      return;
    case "ReadIndex":
      takeRead(raft, message);
      return;
    case "AppendEntries":
    case "Heartbeat":
    case "InstallSnapshot":
      // Two quorums voted in one term: a disk forgot a vote. Going on would let the logs differ in silence.
      return fail(`two leaders (${raft.id}, ${message.from}) in term (${raft.term})`);
    case "AppendEntriesResponse":
    case "HeartbeatResponse":
    case "SnapshotStatus":
    case "Unreachable":
    case "TransferLeader":
      stepMember(raft, message);
      return;
    // A leader knows who leads, and whom it answers itself.
    case "ForgetLeader":
    case "TimeoutNow":
    case "ReadIndexResponse":
    // Late answers to the campaign that was won.
    case "RequestVoteResponse":
    case "PreVoteResponse":
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

/** Steps down unless a quorum was heard from since the last call (thesis 6.2). */
export function checkQuorumActive(raft: Raft): void {
  if (!raft.tracker.quorumActive()) raft.becomeFollower(raft.term, NONE);
  for (const [id, progress] of raft.tracker.progress) {
    if (id !== raft.id) progress.recentActive = false;
  }
}

type MemberMessage = Extract<
  Message,
  {
    type:
      | "AppendEntriesResponse"
      | "HeartbeatResponse"
      | "SnapshotStatus"
      | "Unreachable"
      | "TransferLeader";
  }
>;

/** What concerns one member; of those who are none, nothing is known. */
function stepMember(raft: Raft, message: MemberMessage): void {
  const progress = raft.tracker.get(message.from);
  if (progress === undefined) return;
  switch (message.type) {
    case "AppendEntriesResponse":
      progress.recentActive = true;
      if (message.reject) takeRejection(raft, progress, message);
      else takeAcknowledgement(raft, progress, message);
      return;
    case "HeartbeatResponse":
      takeHeartbeatResponse(raft, progress, message);
      return;
    case "SnapshotStatus":
      takeSnapshotStatus(progress, message);
      return;
    case "Unreachable":
      // Whatever was sent optimistically is probably lost.
      if (progress.state === "replicate") progress.becomeProbe();
      return;
    case "TransferLeader":
      transferTo(raft, progress, message.from);
      return;
  }
}

function takeRejection(raft: Raft, progress: Progress, message: AppendEntriesResponse): void {
  // `rejectHint` is the last index at which the member's log may agree with ours, of term `logTerm`. Our entries behind
  // it that are of a later term cannot agree, so the next probe goes below them.
  const probe =
    message.logTerm > 0
      ? raft.log.findConflictByTerm(message.rejectHint, message.logTerm).index
      : message.rejectHint;
  if (!progress.maybeDecrTo(message.index, probe)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  maybeSendAppend(raft, message.from, true);
}

function takeAcknowledgement(raft: Raft, progress: Progress, message: AppendEntriesResponse): void {
  const { from, index } = message;
  // Nobody can hold what this leader does not: the sender's disk or ours has lost something since.
  if (index > raft.log.lastIndex()) return;
  // A probe that is acknowledged at what was known already is news as well: the member answers again.
  const recovers = progress.match === index && progress.state === "probe";
  if (!progress.maybeUpdate(index) && !recovers) return;
  switch (progress.state) {
    case "probe":
      progress.becomeReplicate();
      break;
    case "snapshot":
      // Whatever snapshot the member got, and from whom: the log reaches what it lacks.
      if (progress.match + 1 >= raft.log.firstIndex()) {
        progress.becomeProbe();
        progress.becomeReplicate();
      }
      break;
    case "replicate":
      progress.inflights.freeLE(index);
      break;
  }
  if (raft.maybeCommit()) {
    releaseWaitingReads(raft);
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.canBumpCommit(raft.log.committed)) {
    maybeSendAppend(raft, from, true);
  }
  if (from !== raft.id) sendAllAppends(raft, from);
  if (from === raft.leadTransferee && progress.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, from);
  }
}

function takeHeartbeatResponse(raft: Raft, progress: Progress, message: HeartbeatResponse): void {
  const { from, readToken } = message;
  progress.recentActive = true;
  progress.msgAppFlowPaused = false;
  // What the member lacks may have been lost on the way. A probe goes also to one that lacks nothing, so that its answer
  // ends the probing.
  if (progress.match < raft.log.lastIndex() || progress.state === "probe") {
    maybeSendAppend(raft, from, true);
  }
  if (readToken !== "") takeReadAcknowledgement(raft, readToken, from);
}

function takeSnapshotStatus(progress: Progress, message: SnapshotStatus): void {
  if (progress.state !== "snapshot") return;
  // A failed one leaves nothing behind to probe from.
  if (message.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Its acknowledgement comes on its own; after a failure, the next heartbeat is early enough.
  progress.msgAppFlowPaused = true;
}

function transferTo(raft: Raft, progress: Progress, target: NodeId): void {
  if (progress.isLearner || raft.leadTransferee === target) return;
  raft.abortTransfer();
  if (target === raft.id) return;
  // The transfer has one election timeout from here; then this leader takes proposals again (thesis 3.10).
  raft.electionElapsed = 0;
  raft.leadTransferee = target;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, target);
  else maybeSendAppend(raft, target, true);
}

function sendTimeoutNow(raft: Raft, to: NodeId): void {
  raft.lease.forbid();
  raft.send({ type: "TimeoutNow", to, from: raft.id, term: raft.term });
}
