import type { NodeId, RequestVote } from "./message.ts";
import { NONE } from "./message.ts";
import type { Raft } from "./raft.ts";
import type { VoteResult } from "./quorum.ts";

/** `transfer`: the leader asked for it, so nobody's lease stands against it, and there is no need to ask first. */
export type ElectionKind = "preVote" | "vote" | "transfer";

/**
 * How often a voter stands against candidates of lower priority before it gives in. Enough that the higher one times out
 * first in most cases, few enough that a group whose favourite cannot win has a leader some election timeouts later.
 */
const MAX_PRIORITY_REFUSALS = 3;

/** Campaigns, if this node may. */
export function startElection(raft: Raft, kind: ElectionKind): void {
  if (raft.role === "leader" || !raft.promotable()) return;
  // A committed change that is not applied may have removed this node, or given others the vote. Campaigning with the
  // old configuration, two changes behind, could win a majority that does not overlap another leader's.
  if (hasUnappliedConfChange(raft)) return;
  campaign(raft, kind);
}

/** Asks every voter, itself included: its own vote counts once it is on disk. */
export function campaign(raft: Raft, kind: ElectionKind): void {
  if (kind === "preVote") raft.becomePreCandidate();
  else raft.becomeCandidate();
  const pre = kind === "preVote";
  const term = pre ? raft.term + 1 : raft.term;
  const index = raft.log.lastIndex();
  const logTerm = raft.log.lastTerm();
  for (const id of raft.tracker.voterIds) {
    if (id === raft.id) {
      const type = pre ? "PreVoteResponse" : "RequestVoteResponse";
      raft.send({ type, to: id, from: id, term, reject: false });
      continue;
    }
    raft.send({
      type: pre ? "PreVote" : "RequestVote",
      to: id,
      from: raft.id,
      term,
      logTerm,
      index,
      transfer: kind === "transfer",
      priority: raft.config.priority,
    });
  }
}

/** Counts a vote, and says how the election stands. */
export function countVote(raft: Raft, from: NodeId, granted: boolean): VoteResult {
  raft.tracker.recordVote(from, granted);
  return raft.tracker.tallyVotes().result;
}

/** Answers a request for a vote. Learners answer too: they may be voters already and not know it yet. */
export function voteOn(raft: Raft, message: RequestVote): void {
  const pre = message.type === "PreVote";
  const canVote =
    raft.vote === message.from ||
    (raft.vote === NONE && raft.leader === NONE) ||
    (pre && message.term > raft.term);
  const granted =
    canVote &&
    raft.log.isUpToDate(message.index, message.logTerm) &&
    !refusesForPriority(raft, message);
  raft.send({
    type: pre ? "PreVoteResponse" : "RequestVoteResponse",
    to: message.from,
    from: raft.id,
    // A grant carries the term it is for: a pre-candidate's own is still lower, and it ignores answers of lower terms.
    term: granted ? message.term : raft.term,
    reject: !granted,
  });
  if (!granted || pre) return;
  raft.electionElapsed = 0;
  raft.vote = message.from;
}

/** Whether this node has promised a leader not to vote for anyone else yet (thesis 4.2.3, 6.4.1). */
export function inLeaderLease(raft: Raft): boolean {
  const { checkQuorum, electionTicks, readMode } = raft.config;
  if (!checkQuorum) return false;
  if (raft.leader !== NONE && raft.electionElapsed < electionTicks) return true;
  // A restart forgets the promise, and the leader may be answering reads on it.
  return readMode === "lease" && raft.isRestart && raft.ticks < electionTicks;
}

/**
 * The rule of election priorities. A voter refuses a candidate of lower priority when it could stand in its place: it is
 * promotable and its log ends in the same entry. It does so at most {@link MAX_PRIORITY_REFUSALS} times between two
 * contacts with a leader: then priority has decayed, and the candidate is treated as an equal. Where pre-vote is on, it is
 * refused there, before a term is spent. A transfer is never refused.
 */
function refusesForPriority(raft: Raft, message: RequestVote): boolean {
  const { priority, preVote } = raft.config;
  if (priority <= message.priority || message.transfer) return false;
  if (message.type === "RequestVote" && (preVote || raft.vote === message.from)) return false;
  if (message.index !== raft.log.lastIndex() || message.logTerm !== raft.log.lastTerm())
    return false;
  if (!raft.promotable() || raft.priorityRefusals >= MAX_PRIORITY_REFUSALS) return false;
  raft.priorityRefusals += 1;
  return true;
}

function hasUnappliedConfChange(raft: Raft): boolean {
  const { applied, committed } = raft.log;
  const found = raft.log.some(applied + 1, committed + 1, ({ type }) => type !== "Normal");
  // Entries that cannot be read now may hold one; the next timeout tries again.
  return found ?? true;
}
