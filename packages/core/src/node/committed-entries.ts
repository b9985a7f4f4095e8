import {
  decodeConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type NodeId,
} from "raft-ts-lite";
import { assert } from "../errors.ts";
import { type BatchOrigin, type Command, openBatches } from "../format/sealed-batch.ts";
import { sealOf, stampOf } from "../format/sealed-entry.ts";
import type { CommittedEntry, MemberRecord } from "../machine/state-machine.ts";
import { membersAfter } from "./member-context.ts";

/** Which results of an entry belong to which proposer's batch. */
export interface BatchSpan {
  readonly origin: BatchOrigin;
  /** Results `[from, to)` of the entry. */
  readonly from: number;
  readonly to: number;
}

/** An entry ready for the state machine, and whom its results are for. */
export interface OpenedEntry {
  readonly committed: CommittedEntry;
  readonly spans: readonly BatchSpan[];
  readonly change: ConfChangeV2 | undefined;
}

/** Reads one committed entry; `applyChange` is asked what a configuration change leads to. */
export function openCommitted(
  entry: Entry,
  applyChange: (change: ConfChangeV2) => ConfState,
  members: ReadonlyMap<NodeId, MemberRecord>,
): OpenedEntry {
  const { logTime, epoch, index, term } = positionOf(entry);
  if (entry.type !== "Normal") {
    const change = decodeConfChange(entry.type, entry.data);
    const confState = applyChange(change);
    const configuration = { confState, members: membersAfter(members, change, confState) };
    return {
      committed: { index, term, logTime, epoch, commands: [], configuration },
      spans: [],
      change,
    };
  }
  const commands: Command[] = [];
  const spans: BatchSpan[] = [];
  for (const batch of openBatches(entry.data, false)) {
    const from = commands.length;
    for (const command of batch.commands) commands.push(command);
    spans.push({ origin: batch.origin, from, to: commands.length });
  }
  return { committed: { index, term, logTime, epoch, commands }, spans, change: undefined };
}

function positionOf(entry: Entry): {
  readonly index: number;
  readonly term: number;
  readonly logTime: number;
  readonly epoch: number;
} {
  const sealed = sealOf(entry);
  assert(sealed !== undefined, `entry (${entry.index}) was committed without a seal`);
  const { logTime, epoch } = stampOf(sealed);
  return { index: entry.index, term: entry.term, logTime, epoch };
}
