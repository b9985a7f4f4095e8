import type { NodeId } from "./message.ts";

/** A set of voters that decides by majority. The empty set decides everything, so that it vanishes in a joint one. */
export type MajorityConfig = ReadonlySet<NodeId>;

/** Two sets of voters; whatever is decided needs a majority of each. `outgoing` is empty outside a transition. */
export interface JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;
}

/** `VotePending`: neither side can be ruled out yet. */
export type VoteResult = "VotePending" | "VoteLost" | "VoteWon";

/** What a voter acknowledged; undefined when it was never heard of. */
export type AckedIndex = (id: NodeId) => number | undefined;

/**
 * The highest index that a majority of `voters` has acknowledged, 0 when there is none, and Infinity when there are
 * no voters.
 */
export function majorityCommittedIndex(voters: MajorityConfig, acked: AckedIndex): number {
  if (voters.size === 0) return Infinity;
  // Insertion sort: groups have three to seven voters, and this runs on every acknowledgement.
  const sorted: number[] = [];
  for (const id of voters) {
    const index = acked(id) ?? 0;
    let at = sorted.length;
    for (; at > 0; at--) {
      const before = sorted[at - 1] ?? 0;
      if (before <= index) break;
      sorted[at] = before;
    }
    sorted[at] = index;
  }
  // With n voters in ascending order, everyone from position n − quorum on is at or above the one in that position.
  return sorted[sorted.length - majority(voters.size)] ?? 0;
}

/** What both halves have committed. */
export function jointCommittedIndex(
  incoming: MajorityConfig,
  outgoing: MajorityConfig,
  acked: AckedIndex,
): number {
  const index = majorityCommittedIndex(incoming, acked);
  if (outgoing.size === 0) return index;
  return Math.min(index, majorityCommittedIndex(outgoing, acked));
}

/** How the vote of one set stands. Votes of others than `voters` do not count. */
export function majorityVoteResult(
  voters: MajorityConfig,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  if (voters.size === 0) return "VoteWon";
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = majority(voters.size);
  if (granted >= needed) return "VoteWon";
  return granted + missing >= needed ? "VotePending" : "VoteLost";
}

/** Won when both halves won, lost as soon as one is lost. */
export function jointVoteResult(
  incoming: MajorityConfig,
  outgoing: MajorityConfig,
  votes: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  const one = majorityVoteResult(incoming, votes);
  if (outgoing.size === 0) return one;
  const other = majorityVoteResult(outgoing, votes);
  if (one === other) return one;
  return one === "VoteLost" || other === "VoteLost" ? "VoteLost" : "VotePending";
}

function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}
