import type { ConfChangeSingle } from "./conf-change-codec.ts";
import { assert, RaftError } from "./errors.ts";
import type { ConfState, NodeId } from "./message.ts";
import { NONE } from "./message.ts";
import { Progress } from "./progress.ts";
import {
  EMPTY_CONFIG,
  isJoint,
  type GroupConfig,
  type ProgressMap,
  type ProgressTracker,
} from "./tracker.ts";

/** What a change leads to; nothing has changed until it is installed in the tracker. */
export interface ChangedConfig {
  readonly config: GroupConfig;
  readonly progress: ProgressMap;
}

/** A configuration in the making. */
interface Draft {
  readonly incoming: Set<NodeId>;
  outgoing: Set<NodeId>;
  readonly learners: Set<NodeId>;
  readonly learnersNext: Set<NodeId>;
  autoLeave: boolean;
  readonly progress: Map<NodeId, Progress>;
}

/**
 * Computes configuration changes (thesis, chapter 4). Pure: it reads a configuration with its progress and returns new
 * ones, or throws `RaftError` `CONF_CHANGE_REFUSED` when the change is not allowed from here.
 */
export class Changer {
  readonly #base: ChangedConfig;
  readonly #tracker: ProgressTracker;
  readonly #lastIndex: number;

  /** @param lastIndex - the last index of the log: where probing a new member starts. */
  constructor(tracker: ProgressTracker, lastIndex: number, base: ChangedConfig = tracker) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
    this.#base = base;
  }

  /** Applies changes of which at most one touches the set of voters: any two majorities then overlap (thesis 4.1). */
  simple(changes: readonly ConfChangeSingle[]): ChangedConfig {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw refusal("can't apply simple config change in joint config");
    this.#apply(draft, changes);
    if (symmetricDifference(this.#base.config.voters.incoming, draft.incoming) > 1) {
      throw refusal("more than one voter changed without entering joint config");
    }
    return finish(draft);
  }

  /** Enters a joint configuration, where decisions need a majority of the voters before and of those after (thesis 4.3). */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): ChangedConfig {
    const draft = this.#draft();
    if (draft.outgoing.size > 0) throw refusal("config is already joint");
    // An empty outgoing half would decide everything, and so would not protect what the incoming one overrides.
    if (draft.incoming.size === 0) throw refusal("can't make a zero-voter config joint");
    draft.outgoing = new Set(draft.incoming);
    this.#apply(draft, changes);
    draft.autoLeave = autoLeave;
    return finish(draft);
  }

  /** Leaves the joint configuration: the incoming voters decide alone from here. */
  leaveJoint(): ChangedConfig {
    const draft = this.#draft();
    if (draft.outgoing.size === 0) throw refusal("can't leave a non-joint config");
    for (const id of draft.learnersNext) {
      draft.learners.add(id);
      const progress = draft.progress.get(id);
      assert(progress !== undefined, `no progress for next learner (${id})`);
      progress.isLearner = true;
    }
    draft.learnersNext.clear();
    for (const id of draft.outgoing) {
      if (!draft.incoming.has(id) && !draft.learners.has(id)) draft.progress.delete(id);
    }
    draft.outgoing.clear();
    draft.autoLeave = false;
    return finish(draft);
  }

  #draft(): Draft {
    const { config, progress } = this.#base;
    checkInvariants(config, progress);
    const copies = new Map<NodeId, Progress>();
    for (const [id, one] of progress) copies.set(id, one.copy());
    return {
      incoming: new Set(config.voters.incoming),
      outgoing: new Set(config.voters.outgoing),
      learners: new Set(config.learners),
      learnersNext: new Set(config.learnersNext),
      autoLeave: config.autoLeave,
      progress: copies,
    };
  }

  #apply(draft: Draft, changes: readonly ConfChangeSingle[]): void {
    for (const { kind, nodeId } of changes) {
      // The embedder replaces the id by nobody's to refuse a change that is committed already.
      if (nodeId === NONE) continue;
      switch (kind) {
        case "AddVoter":
          this.#makeVoter(draft, nodeId);
          break;
        case "AddLearner":
          this.#makeLearner(draft, nodeId);
          break;
        case "Remove":
          remove(draft, nodeId);
          break;
        case "Update": // Carries news for the embedder only, an address perhaps.
          break;
      }
    }
    if (draft.incoming.size === 0) throw refusal("removed all voters");
  }

  #makeVoter(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      this.#addMember(draft, id, false);
      return;
    }
    progress.isLearner = false;
    draft.learners.delete(id);
    draft.learnersNext.delete(id);
    draft.incoming.add(id);
  }

  /**
   * A voter of the outgoing half stays one until the joint configuration is left, so it waits in `learnersNext`; anyone
   * else is a learner at once. What is known of its log stays known.
   */
  #makeLearner(draft: Draft, id: NodeId): void {
    const progress = draft.progress.get(id);
    if (progress === undefined) {
      this.#addMember(draft, id, true);
      return;
    }
    if (progress.isLearner) return;
    remove(draft, id);
    draft.progress.set(id, progress);
    if (draft.outgoing.has(id)) {
      draft.learnersNext.add(id);
    } else {
      progress.isLearner = true;
      draft.learners.add(id);
    }
  }

  #addMember(draft: Draft, id: NodeId, isLearner: boolean): void {
    (isLearner ? draft.learners : draft.incoming).add(id);
    const progress = new Progress({
      match: 0,
      // Probing from the end finds a member that was restored from a backup at once. An empty one answers with its
      // length, and costs one more round trip.
      next: Math.max(this.#lastIndex, 1),
      inflights: this.#tracker.newInflights(),
      isLearner,
      // A new member counts as heard from, so that a quorum check right after the change does not depose the leader.
      recentActive: true,
    });
    draft.progress.set(id, progress);
  }
}

/** Builds the configuration that `state` describes from nothing, as after a snapshot or a restart. */
export function restoreConfig(
  tracker: ProgressTracker,
  lastIndex: number,
  state: ConfState,
): ChangedConfig {
  const changer = (base: ChangedConfig): Changer => new Changer(tracker, lastIndex, base);
  let base: ChangedConfig = { config: EMPTY_CONFIG, progress: new Map<NodeId, Progress>() };
  const incoming = [
    ...changesOf("AddVoter", state.voters),
    ...changesOf("AddLearner", state.learners),
    ...changesOf("AddLearner", state.learnersNext),
  ];
  if (state.votersOutgoing.length === 0) {
    // One by one: each step changes one voter, which is all that a simple change may do.
    for (const change of incoming) base = changer(base).simple([change]);
    return base;
  }
  // First the group as it was before the transition, then the transition itself.
  for (const change of changesOf("AddVoter", state.votersOutgoing)) {
    base = changer(base).simple([change]);
  }
  const transition = [...changesOf("Remove", state.votersOutgoing), ...incoming];
  return changer(base).enterJoint(state.autoLeave, transition);
}

function changesOf(kind: ConfChangeSingle["kind"], ids: readonly NodeId[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ kind, nodeId }));
}

function remove(draft: Draft, id: NodeId): void {
  if (!draft.progress.has(id)) return;
  draft.incoming.delete(id);
  draft.learners.delete(id);
  draft.learnersNext.delete(id);
  // The outgoing half still needs its acknowledgements.
  if (!draft.outgoing.has(id)) draft.progress.delete(id);
}

function finish(draft: Draft): ChangedConfig {
  const config: GroupConfig = {
    voters: { incoming: draft.incoming, outgoing: draft.outgoing },
    learners: draft.learners,
    learnersNext: draft.learnersNext,
    autoLeave: draft.autoLeave,
  };
  checkInvariants(config, draft.progress);
  return { config, progress: draft.progress };
}

function checkInvariants(config: GroupConfig, progress: ProgressMap): void {
  const { voters, learners, learnersNext } = config;
  for (const ids of [voters.incoming, voters.outgoing, learners, learnersNext]) {
    for (const id of ids) assert(progress.has(id), `no progress for member (${id})`);
  }
  for (const id of learnersNext) {
    assert(voters.outgoing.has(id), `next learner (${id}) is no outgoing voter`);
    assert(progress.get(id)?.isLearner !== true, `next learner (${id}) is a learner already`);
  }
  for (const id of learners) {
    assert(!voters.outgoing.has(id), `learner (${id}) is an outgoing voter`);
    assert(!voters.incoming.has(id), `learner (${id}) is a voter`);
    assert(progress.get(id)?.isLearner === true, `learner (${id}) has the progress of a voter`);
  }
  if (!isJoint(config)) {
    assert(learnersNext.size === 0, "next learners outside a joint configuration");
    assert(!config.autoLeave, "autoLeave outside a joint configuration");
  }
}

function symmetricDifference(one: ReadonlySet<NodeId>, other: ReadonlySet<NodeId>): number {
  let count = 0;
  for (const id of one) if (!other.has(id)) count++;
  for (const id of other) if (!one.has(id)) count++;
  return count;
}

function refusal(message: string): RaftError {
  return new RaftError("CONF_CHANGE_REFUSED", message);
}
