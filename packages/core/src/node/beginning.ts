import type { ConfState, NodeId } from "raft-ts-lite";
import type { ResolvedSettings } from "../config/settings.ts";
import { HoldfastError } from "../errors.ts";
import { sealOf, stampOf } from "../format/sealed-entry.ts";
import type { GroupLog } from "../log/group-log.ts";
import type { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { AppliedState, MemberRecord, StateMachine } from "../machine/state-machine.ts";
import type { Identity } from "./identity.ts";

/** A new group's log begins behind a snapshot that nobody took: the configuration all its members were given. */
const FIRST_INDEX = 1;
const FIRST_TERM = 1;

/** The members with which a group begins: the first `replicationFactor` of them vote. */
export function firstMembers(
  settings: ResolvedSettings,
): Pick<Identity, "members" | "voters"> | undefined {
  if (settings.cluster.join) return undefined;
  const members = settings.cluster.members.map(({ id, address }) => ({ id, address }));
  const voters = members.slice(0, settings.replication.replicationFactor).map(({ id }) => id);
  return { members, voters };
}

/**
 * Brings log and state machine to where they agree, as section 4 of the design says: commit is at least what was applied, a state ahead
 * of the log becomes the snapshot at which the log restarts, and a state behind a log that was cut is a loss that is reported.
 */
export async function reconcile(
  wal: WriteAheadLog,
  group: number,
  machine: StateMachine,
  identity: Identity,
): Promise<void> {
  const log = wal.group(group);
  const { hardState } = log.initialState();
  const fresh = log.lastIndex() === 0 && hardState.term === 0;
  // A snapshot does not reach a state before the log holds the term of the leader that sent it.
  if (fresh && (identity.begun || machine.applied().index > 0)) {
    throw new HoldfastError(
      "IDENTITY",
      `node (${identity.nodeId}) has taken part in cluster (${identity.cluster}), but its log is empty: it was lost; remove the member and add a new one, under a new id and with an empty directory`,
    );
  }
  if (fresh && identity.voters !== undefined) await writeBeginning(wal, group, identity.voters);
  await applyBeginning(log, machine, identity);
  await alignLog(wal, group, machine.applied());
}

async function writeBeginning(
  wal: WriteAheadLog,
  group: number,
  voters: readonly NodeId[],
): Promise<void> {
  await wal.append({
    group,
    snapshot: { index: FIRST_INDEX, term: FIRST_TERM, confState: plainConfState(voters, []) },
    hardState: { term: FIRST_TERM, vote: 0, commit: FIRST_INDEX },
  });
}

/** An empty state machine gets the configuration that the log begins with; any other gap is a loss. */
async function applyBeginning(
  log: GroupLog,
  machine: StateMachine,
  identity: Identity,
): Promise<void> {
  const { index } = machine.applied();
  const cut = log.firstIndex() - 1;
  if (index >= cut) return;
  if (index > 0 || cut > FIRST_INDEX || identity.members === undefined) {
    throw new HoldfastError(
      "CORRUPT",
      `the state ends at index (${index}), but the log was cut up to (${cut}): the store was lost or replaced. Restore it, or remove the member and add a new one`,
    );
  }
  const voters = identity.voters ?? [];
  const learners = identity.members.map(({ id }) => id).filter((id) => !voters.includes(id));
  const members = new Map<NodeId, MemberRecord>(
    identity.members.map(({ id, address }) => [id, { address }]),
  );
  await machine.apply([
    {
      index: FIRST_INDEX,
      term: FIRST_TERM,
      logTime: 0,
      epoch: 0,
      commands: [],
      configuration: { confState: plainConfState(voters, learners), members },
    },
  ]);
}

async function alignLog(wal: WriteAheadLog, group: number, applied: AppliedState): Promise<void> {
  const log = wal.group(group);
  const { hardState } = log.initialState();
  const { index, term, confState } = applied;
  if (index === 0) return;
  const ahead = index > log.lastIndex() || log.term(index) !== term;
  if (!ahead && hardState.commit >= index) return;
  await wal.append({
    group,
    ...(ahead ? { snapshot: { index, term, confState } } : {}),
    hardState: {
      term: Math.max(hardState.term, term),
      vote: term > hardState.term ? 0 : hardState.vote,
      commit: Math.max(hardState.commit, index),
    },
  });
}

/** Log time of the newest entry, so that a leader's next one is not before it. */
export async function lastLogTimeOf(log: GroupLog, applied: AppliedState): Promise<number> {
  const last = log.lastIndex();
  if (last < log.firstIndex()) return applied.logTime;
  const [entry] = await log.read(last, last + 1, 1);
  const sealed = entry === undefined ? undefined : sealOf(entry);
  return Math.max(applied.logTime, sealed === undefined ? 0 : stampOf(sealed).logTime);
}

function plainConfState(voters: readonly NodeId[], learners: readonly NodeId[]): ConfState {
  return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
}
