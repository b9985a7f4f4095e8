import { campaign, countVote } from "./election.ts";
import { proposalDropped } from "./errors.ts";
import { acceptAppend, acceptHeartbeat, acceptSnapshot } from "./follower.ts";
import type { Message, RequestVoteResponse } from "./message.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { broadcastAppend } from "./replication.ts";

/** One step of a pre-candidate or candidate, in its own term. */
export function stepCandidate(raft: Raft, message: Message): void {
  switch (message.type) {
    case "Propose":
      throw proposalDropped("no leader is known");
    // Another one won this term.
    case "AppendEntries":
      raft.becomeFollower(raft.term, message.from);
      acceptAppend(raft, message);
      return;
    case "Heartbeat":
      raft.becomeFollower(raft.term, message.from);
      acceptHeartbeat(raft, message);
      return;
    case "InstallSnapshot":
      raft.becomeFollower(raft.term, message.from);
      acceptSnapshot(raft, message);
      return;
    case "PreVoteResponse":
      if (raft.role === "preCandidate") takeAnswer(raft, message);
      return;
    case "RequestVoteResponse":
      if (raft.role === "candidate") takeAnswer(raft, message);
      return;
    // A read or a transfer has nowhere to go, and who campaigns already needs no order to.
    case "ReadIndex":
    case "ReadIndexResponse":
    case "TransferLeader":
    case "TimeoutNow":
    case "ForgetLeader":
    // For leaders.
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

function takeAnswer(raft: Raft, message: RequestVoteResponse): void {
  switch (countVote(raft, message.from, !message.reject)) {
    case "VoteWon":
      if (raft.role === "preCandidate") {
        campaign(raft, "vote");
      } else {
        raft.becomeLeader();
        broadcastAppend(raft);
      }
      return;
    case "VoteLost":
      raft.becomeFollower(raft.term, NONE);
      return;
    case "VotePending":
      return;
  }
}
