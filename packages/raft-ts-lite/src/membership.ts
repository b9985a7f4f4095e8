import { Changer, type ChangedConfig } from "./confchange.ts";
import {
  decodeConfChange,
  entersJoint,
  leavesJoint,
  type ConfChangeV2,
} from "./conf-change-codec.ts";
import { assert, InvariantError, proposalDropped, RaftError } from "./errors.ts";
import type { ConfState, Entry, Propose } from "./message.ts";
import { NONE } from "./message.ts";
import type { NewEntry, Raft } from "./raft.ts";
import { releaseWaitingReads } from "./reads.ts";
import { broadcastAppend, maybeSendAppend } from "./replication.ts";
import { isJoint, type GroupConfig, type ProgressMap } from "./tracker.ts";

const REFUSED: NewEntry = { type: "Normal", data: new Uint8Array(0) };

/**
 * Appends a proposal at the leader. A configuration change that does not fit becomes an empty entry, so that the entries
 * of one proposal keep their places. Throws `PROPOSAL_DROPPED` when nothing is appended.
 */
export function appendProposal(raft: Raft, message: Propose): void {
  assert(message.entries.length > 0, "empty proposal");
  requireProposals(raft);
  let pendingConfIndex = raft.pendingConfIndex;
  let index = raft.log.lastIndex();
  const entries = message.entries.map((entry): NewEntry => {
    index += 1;
    if (entry.type === "Normal") return entry;
    if (refusalOfEntry(raft, entry, pendingConfIndex) !== undefined) return REFUSED;
    pendingConfIndex = index;
    return entry;
  });
  if (!raft.appendEntries(entries)) throw proposalDropped("too much is uncommitted");
  // Only now: a dropped change must not stand in the way of the next one.
  raft.pendingConfIndex = pendingConfIndex;
}

/** Throws `PROPOSAL_DROPPED` when this leader takes none now. */
export function requireProposals(raft: Raft): void {
  if (raft.tracker.get(raft.id) === undefined) throw proposalDropped("this leader was removed");
  if (raft.leadTransferee !== NONE) {
    throw proposalDropped(`leadership goes to another (${raft.leadTransferee})`);
  }
}

/** Why this leader would not append `change`; undefined when it would. */
export function refusalOf(
  raft: Raft,
  change: ConfChangeV2,
  pendingConfIndex: number,
): string | undefined {
  if (raft.config.disableConfChangeValidation) return undefined;
  const { applied } = raft.log;
  // Two changes in the log at once could skip a configuration, and then majorities need not overlap. A new leader does
  // not know whether there is one in the log that it inherited, so it waits for all of it. That an entry of its own term
  // must be committed first (Ongaro on raft-dev, 2015) follows: a change takes effect when it is applied, and the
  // leader's first entry lies before it.
  if (pendingConfIndex > applied) {
    return `a change up to (${pendingConfIndex}) may not be applied yet (${applied})`;
  }
  const joint = isJoint(raft.tracker.config);
  if (joint && !leavesJoint(change)) return "the joint configuration must be left first";
  if (!joint && leavesJoint(change)) return "the configuration is not joint";
  try {
    changed(raft, change);
  } catch (error) {
    if (error instanceof RaftError) return error.message;
    throw error;
  }
  return undefined;
}

/** Applies a committed change; every member comes to the same configuration at the same index. */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  const { config, progress } = changed(raft, change);
  return switchToConfig(raft, config, progress);
}

/** Installs a configuration, and does what it means for a leader. */
export function switchToConfig(raft: Raft, config: GroupConfig, progress: ProgressMap): ConfState {
  raft.tracker.install(config, progress);
  const confState = raft.tracker.confState();
  const own = raft.tracker.get(raft.id);
  raft.isLearner = own?.isLearner ?? false;
  if (raft.role !== "leader") return confState;
  if (own === undefined || raft.isLearner) {
    // It leads on until a member takes over, without counting itself (thesis 4.2.2), unless told otherwise.
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE);
    return confState;
  }
  if (confState.voters.length === 0) return confState;
  if (raft.maybeCommit()) {
    // The new quorum has more in common than the old one had.
    releaseWaitingReads(raft);
    broadcastAppend(raft);
  } else {
    // New members need not wait for a heartbeat or a proposal.
    for (const id of raft.tracker.ids) if (id !== raft.id) maybeSendAppend(raft, id, false);
  }
  const target = raft.leadTransferee;
  if (target !== NONE && !raft.tracker.voterIds.includes(target)) raft.abortTransfer();
  return confState;
}

function refusalOfEntry(raft: Raft, entry: Entry, pendingConfIndex: number): string | undefined {
  if (entry.type === "Normal") return undefined;
  let change: ConfChangeV2;
  try {
    change = decodeConfChange(entry.type, entry.data);
  } catch (error) {
    // Appended, it would stop every member that applies it.
    if (error instanceof InvariantError) return error.message;
    throw error;
  }
  return refusalOf(raft, change, pendingConfIndex);
}

function changed(raft: Raft, change: ConfChangeV2): ChangedConfig {
  const changer = new Changer(raft.tracker, raft.log.lastIndex());
  if (leavesJoint(change)) return changer.leaveJoint();
  const { joint, autoLeave } = entersJoint(change);
  if (joint) return changer.enterJoint(autoLeave, change.changes);
  return changer.simple(change.changes);
}
