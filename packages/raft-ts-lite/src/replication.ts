import { payloadsSize } from "./entry-size.ts";
import { assert } from "./errors.ts";
import type { NodeId, ReadToken } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { Raft } from "./raft.ts";

/** Sends every other member what it needs next, or at least the commit index. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.ids) {
    if (id !== raft.id) maybeSendAppend(raft, id, true);
  }
}

/** Sends what fits until nothing is left or the member's window is full. */
export function sendAllAppends(raft: Raft, to: NodeId): void {
  while (maybeSendAppend(raft, to, false)) {
    // Each append advanced the member's progress.
  }
}

/**
 * Sends `to` one append, or a snapshot when its next entry is compacted; false when nothing was sent. An append without
 * entries (`evenEmpty`) carries the commit index, and finds out what became of earlier ones.
 */
export function maybeSendAppend(raft: Raft, to: NodeId, evenEmpty: boolean): boolean {
  const progress = raft.tracker.get(to);
  if (progress === undefined || progress.isPaused()) return false;
  const { log, config } = raft;
  const index = progress.next - 1;
  const logTerm = log.term(index);
  if (logTerm === undefined) return maybeSendSnapshot(raft, to, progress);
  // With a full window only empty appends pass: should everything in flight be lost, one of them will be rejected, and
  // that empties the window.
  const throttled = progress.state === "replicate" && progress.inflights.full();
  const entries = throttled
    ? []
    : log.entries(progress.next, config.maxMessageBytes, config.maxEntriesPerMessage);
  if (entries === "UNAVAILABLE") {
    raft.awaitingEntries.add(to);
    return false;
  }
  if (entries === "COMPACTED") return maybeSendSnapshot(raft, to, progress);
  if (entries.length === 0 && !evenEmpty) return false;
  const commit = log.committed;
  const { id, term } = raft;
  raft.send({ type: "AppendEntries", to, from: id, term, index, logTerm, entries, commit });
  progress.sentEntries(entries.length, payloadsSize(entries));
  progress.noteSentCommit(commit);
  return true;
}

/** Asks every other member whether it still follows; `token` names the read, or the round of the lease, that this confirms. */
export function broadcastHeartbeat(raft: Raft, token: ReadToken): void {
  const { id: from, term, config, lease } = raft;
  let readToken = token;
  if (config.readMode === "lease") {
    if (readToken === "") readToken = raft.readTokens.next();
    lease.begin(readToken, raft.ticks, from);
  }
  for (const to of raft.tracker.ids) {
    const progress = raft.tracker.get(to);
    if (to === from || progress === undefined) continue;
    // Beyond its match, the member may hold entries of another leader, which must not be taken as committed.
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send({ type: "Heartbeat", to, from, term, commit, readToken });
    progress.noteSentCommit(commit);
  }
}

function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  // Whoever does not answer heartbeats would not get it either.
  if (!progress.recentActive) return false;
  const snapshot = raft.log.snapshot();
  if (snapshot === undefined) return false;
  assert(snapshot.metadata.index > 0, "the storage has an empty snapshot behind a compacted log");
  progress.becomeSnapshot(snapshot.metadata.index);
  raft.send({ type: "InstallSnapshot", to, from: raft.id, term: raft.term, snapshot });
  return true;
}
