import { entriesSize } from "./entry-size.ts";
import { RaftError } from "./errors.ts";
import type { Entry, Snapshot, StorageAppendResponse } from "./message.ts";
import type { Raft } from "./raft.ts";
import { isJoint } from "./tracker.ts";

const NO_DATA = new Uint8Array(0);

/** The storage holds what a `StorageAppend` of this term carried. */
export function storageAppended(raft: Raft, message: StorageAppendResponse): void {
  if (message.index !== 0) raft.log.unstable.stableTo(message.index, message.logTerm);
  if (message.snapshot !== undefined) snapshotApplied(raft, message.snapshot);
}

/** The embedder's state is that of `snapshot` now. */
export function snapshotApplied(raft: Raft, snapshot: Snapshot): void {
  const { index, confState } = snapshot.metadata;
  raft.log.unstable.stableSnapTo(index);
  raft.restoreConfig(confState);
  appliedTo(raft, index, 0);
}

/** The embedder applied `entries`. */
export function applied(raft: Raft, entries: readonly Entry[]): void {
  const last = entries.at(-1);
  if (last === undefined) return;
  appliedTo(raft, last.index, entriesSize(entries));
  raft.releaseUncommitted(entries);
}

function appliedTo(raft: Raft, index: number, bytes: number): void {
  const newApplied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(newApplied, bytes);
  const { config } = raft.tracker;
  if (!config.autoLeave || !isJoint(config)) return;
  if (raft.role !== "leader" || newApplied < raft.pendingConfIndex) return;
  try {
    // An empty change leaves the joint configuration; without data, it is never refused for its size.
    raft.step({
      type: "Propose",
      to: raft.id,
      from: raft.id,
      term: 0,
      entries: [{ type: "ConfChangeV2", term: 0, index: 0, data: NO_DATA }],
    });
  } catch (error) {
    // A transfer is under way. Either the new leader leaves, or this one does with the next entry it applies.
    if (!(error instanceof RaftError)) throw error;
  }
}
