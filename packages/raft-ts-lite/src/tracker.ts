import { Inflights } from "./inflights.ts";
import type { ConfState, NodeId } from "./message.ts";
import type { Progress } from "./progress.ts";
import {
  jointCommittedIndex,
  jointVoteResult,
  type JointConfig,
  type MajorityConfig,
  type VoteResult,
} from "./quorum.ts";

/** A configuration of a group, as the core works with it. Never changed in place: the Changer makes a new one. */
export interface GroupConfig {
  readonly voters: JointConfig;
  /** Members that receive the log and do not vote; disjoint from both halves of `voters`. */
  readonly learners: ReadonlySet<NodeId>;
  /**
   * Outgoing voters that become learners when the joint configuration is left. They cannot be learners before: the
   * outgoing half still counts their votes, and a set of learners that overlaps it would break every invariant.
   */
  readonly learnersNext: ReadonlySet<NodeId>;
  /** Whether the leader leaves the joint configuration on its own as soon as it is applied. */
  readonly autoLeave: boolean;
}

/** The progress of every member, voters and learners. */
export type ProgressMap = ReadonlyMap<NodeId, Progress>;

/** How an election stands. Votes of learners are in `result` only where a voter set names them. */
export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

const EMPTY: ReadonlySet<NodeId> = new Set();

/** The configuration of a node that belongs to no group yet. */
export const EMPTY_CONFIG: GroupConfig = {
  voters: { incoming: EMPTY, outgoing: EMPTY },
  learners: EMPTY,
  learnersNext: EMPTY,
  autoLeave: false,
};

/** Whether the group is in transition between two voter sets. */
export function isJoint(config: GroupConfig): boolean {
  return config.voters.outgoing.size > 0;
}

/** Everything a node tracks about its group: the configuration, each member's progress, and the votes of an election. */
export class ProgressTracker {
  readonly #maxInflight: number;
  readonly #maxInflightBytes: number;
  readonly #votes = new Map<NodeId, boolean>();
  // A closure made once: the commit index is computed on every acknowledgement.
  readonly #acked = (id: NodeId): number | undefined => this.#progress.get(id)?.match;
  #config: GroupConfig = EMPTY_CONFIG;
  #progress: ProgressMap = new Map();
  #ids: readonly NodeId[] = [];
  #voterIds: readonly NodeId[] = [];
  #learnerIds: readonly NodeId[] = [];

  constructor(maxInflight: number, maxInflightBytes: number) {
    this.#maxInflight = maxInflight;
    this.#maxInflightBytes = maxInflightBytes;
  }

  get config(): GroupConfig {
    return this.#config;
  }

  get progress(): ProgressMap {
    return this.#progress;
  }

  /** Every member, ascending: peers are always visited in this order, so that runs repeat exactly. */
  get ids(): readonly NodeId[] {
    return this.#ids;
  }

  /** The voters of both halves, ascending. */
  get voterIds(): readonly NodeId[] {
    return this.#voterIds;
  }

  get learnerIds(): readonly NodeId[] {
    return this.#learnerIds;
  }

  get(id: NodeId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Switches to a configuration and its progress, both as returned by a Changer. */
  install(config: GroupConfig, progress: ProgressMap): void {
    this.#config = config;
    this.#progress = progress;
    this.#ids = sortedIds(progress.keys());
    this.#voterIds = sortedIds(new Set([...config.voters.incoming, ...config.voters.outgoing]));
    this.#learnerIds = sortedIds(config.learners);
  }

  newInflights(): Inflights {
    return new Inflights(this.#maxInflight, this.#maxInflightBytes);
  }

  /** Whether one voter decides alone. */
  isSingleton(): boolean {
    return this.#config.voters.incoming.size === 1 && !isJoint(this.#config);
  }

  /** The highest index that a quorum holds. */
  committed(): number {
    const { incoming, outgoing } = this.#config.voters;
    return jointCommittedIndex(incoming, outgoing, this.#acked);
  }

  /** Whether a quorum was heard from since the last check. Learners are in no voter set, so they do not count. */
  quorumActive(): boolean {
    const active = new Map<NodeId, boolean>();
    for (const [id, progress] of this.#progress) active.set(id, progress.recentActive);
    return this.#voteResult(active) === "VoteWon";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** Notes how `id` voted. Only its first vote of an election counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  tallyVotes(): Tally {
    let granted = 0;
    let rejected = 0;
    for (const [id, progress] of this.#progress) {
      const vote = progress.isLearner ? undefined : this.#votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    return { granted, rejected, result: this.#voteResult(this.#votes) };
  }

  confState(): ConfState {
    return {
      voters: sortedIds(this.#config.voters.incoming),
      learners: this.#learnerIds,
      votersOutgoing: sortedIds(this.#config.voters.outgoing),
      learnersNext: sortedIds(this.#config.learnersNext),
      autoLeave: this.#config.autoLeave,
    };
  }

  #voteResult(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    const { incoming, outgoing } = this.#config.voters;
    return jointVoteResult(incoming, outgoing, votes);
  }
}

/** `voters=(1 2 3)&&(1) learners=(4) learners_next=(2) autoleave`, as etcd writes it in logs and scenarios. */
export function describeConfig(config: GroupConfig): string {
  const { voters, learners, learnersNext } = config;
  let text = `voters=${describeSet(voters.incoming)}`;
  if (voters.outgoing.size > 0) text += `&&${describeSet(voters.outgoing)}`;
  if (learners.size > 0) text += ` learners=${describeSet(learners)}`;
  if (learnersNext.size > 0) text += ` learners_next=${describeSet(learnersNext)}`;
  return config.autoLeave ? `${text} autoleave` : text;
}

function describeSet(ids: MajorityConfig): string {
  return `(${sortedIds(ids).join(" ")})`;
}

function sortedIds(ids: Iterable<NodeId>): NodeId[] {
  return [...ids].sort((a, b) => a - b);
}
