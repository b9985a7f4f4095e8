import { inLeaderLease } from "./election.ts";
import type { Message } from "./message.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import { snapshotApplied } from "./written.ts";

/** Handles what a higher term means before the message itself; false: the message is ignored. */
export function acceptHigherTerm(raft: Raft, message: Message): boolean {
  const { type } = message;
  if (type === "RequestVote" || type === "PreVote") {
    // A member that was removed, or cut off for a while, must not depose a leader that others can hear (thesis 4.2.3).
    if (!message.transfer && inLeaderLease(raft)) return false;
    // A pre-vote only asks; no term changes for it.
    if (type === "PreVote") return true;
  }
  // A granted pre-vote carries the term that was asked for, which begins only when a quorum granted it. A rejection
  // carries the voter's own.
  if (type === "PreVoteResponse" && !message.reject) return true;
  const fromLeader = type === "AppendEntries" || type === "Heartbeat" || type === "InstallSnapshot";
  raft.becomeFollower(message.term, fromLeader ? message.from : NONE);
  return true;
}

/** A message of an earlier term counts for nothing (paper 5.1), but sometimes its sender must hear that. */
export function answerLowerTerm(raft: Raft, message: Message): void {
  const { type, from: to } = message;
  const { id: from, term } = raft;
  if (type === "Heartbeat" || type === "AppendEntries") {
    // We may have raised our term alone while cut off. Followers of this leader ignore our vote requests as long as they
    // hear it, and so do we its messages: only learning our term frees it to lead in a term that we follow.
    if (!raft.config.checkQuorum && !raft.config.preVote) return;
    const type = "AppendEntriesResponse";
    raft.send({ type, to, from, term, logTerm: 0, index: 0, reject: false, rejectHint: 0 });
  } else if (type === "PreVote") {
    // Silence could last for ever: our term may be higher because we campaigned with a log that cannot win.
    raft.send({ type: "PreVoteResponse", to, from, term, reject: true });
  } else if (type === "StorageAppendResponse" && message.snapshot !== undefined) {
    // The entries may have been replaced since. A snapshot holds committed state, whatever the term.
    snapshotApplied(raft, message.snapshot);
  }
}
