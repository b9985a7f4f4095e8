import { acknowledgedIsStable } from "./acknowledged-is-stable.ts";
import { commitOfOwnTerm } from "./commit-of-own-term.ts";
import { committedImmutable } from "./committed-immutable.ts";
import { committedOnQuorum } from "./committed-on-quorum.ts";
import { electionSafety } from "./election-safety.ts";
import { indexOrder } from "./index-order.ts";
import type { Invariant } from "./invariant.ts";
import { leaderAppendOnly } from "./leader-append-only.ts";
import { leaderCompleteness } from "./leader-completeness.ts";
import { logMatching } from "./log-matching.ts";
import { monotonic } from "./monotonic.ts";
import { oneVotePerTerm } from "./one-vote-per-term.ts";
import { readsNeverGoBack } from "./reads-never-go-back.ts";
import { replicasEqual } from "./replicas-equal.ts";
import { settlesOnce } from "./settles-once.ts";
import { stateMachineSafety } from "./state-machine-safety.ts";

/**
 * Every invariant, made for one simulation. Those that name the cause come before those that see its consequences, so
 * that the first one broken says most.
 */
export function allInvariants(): readonly Invariant[] {
  return [
    // What one node promises.
    monotonic(),
    oneVotePerTerm(),
    acknowledgedIsStable(),
    leaderAppendOnly(),
    indexOrder(),
    // What follows for the group.
    electionSafety(),
    commitOfOwnTerm(),
    committedOnQuorum(),
    logMatching(),
    committedImmutable(),
    leaderCompleteness(),
    stateMachineSafety(),
    // What clients see, and where it all ends. Sessions, watches, leases, groups and witnesses bring their invariants
    // here, each in a file of its own.
    settlesOnce(),
    readsNeverGoBack(),
    replicasEqual(),
  ];
}
