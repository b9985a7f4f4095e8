import { RaftError } from "./errors.ts";
import type { Entry, Message, MessageType } from "./message.ts";
import { APPEND_THREAD, APPLY_THREAD } from "./message.ts";

/** What a node makes for itself. */
const LOCAL: ReadonlySet<MessageType> = new Set<MessageType>([
  "Campaign",
  "Beat",
  "CheckQuorum",
  "Unreachable",
  "SnapshotStatus",
  "StorageAppend",
  "StorageAppendResponse",
  "StorageApply",
  "StorageApplyResponse",
]);

/** Answers to what only a member is asked. */
const RESPONSES: ReadonlySet<MessageType> = new Set<MessageType>([
  "AppendEntriesResponse",
  "HeartbeatResponse",
  "RequestVoteResponse",
  "PreVoteResponse",
  "ReadIndexResponse",
]);

/** Whether only this node may make `message`, and did not: its storage answers under the names of its threads. */
export function isForgedLocal({ type, from }: Message): boolean {
  return LOCAL.has(type) && from !== APPEND_THREAD && from !== APPLY_THREAD;
}

export function isResponse({ type }: Message): boolean {
  return RESPONSES.has(type);
}

/**
 * Throws `INVALID_MESSAGE` for what no correct node sends, so that nothing behind this line meets a fraction, a NaN or a
 * log with gaps. One pass over the message; entries are looked at one by one.
 */
export function checkMessage(message: Message): void {
  checkNatural("to", message.to);
  checkNatural("from", message.from);
  checkNatural("term", message.term);
  switch (message.type) {
    case "AppendEntries":
      checkTerm(message);
      checkNatural("index", message.index);
      checkNatural("logTerm", message.logTerm);
      checkNatural("commit", message.commit);
      checkEntries(message.entries, message.index, message.logTerm, message.term);
      return;
    case "AppendEntriesResponse":
      checkTerm(message);
      checkNatural("index", message.index);
      checkNatural("logTerm", message.logTerm);
      checkNatural("rejectHint", message.rejectHint);
      return;
    case "RequestVote":
    case "PreVote":
      checkTerm(message);
      checkNatural("index", message.index);
      checkNatural("logTerm", message.logTerm);
      if (!Number.isSafeInteger(message.priority)) refuse("priority", message.priority);
      return;
    case "Heartbeat":
      checkTerm(message);
      checkNatural("commit", message.commit);
      return;
    case "InstallSnapshot":
      checkTerm(message);
      checkNatural("index", message.snapshot.metadata.index);
      checkNatural("term", message.snapshot.metadata.term);
      return;
    case "ReadIndexResponse":
      checkTerm(message);
      checkNatural("index", message.index);
      return;
    case "PreVoteResponse":
      // A voter that has seen no term yet refuses in term 0.
      if (!message.reject) checkTerm(message);
      return;
    case "RequestVoteResponse":
    case "HeartbeatResponse":
    case "TimeoutNow":
      checkTerm(message);
      return;
    case "Propose":
      if (message.entries.length === 0) refuse("entries", 0);
      return;
    // Local, or without numbers and term.
    case "Campaign":
    case "Beat":
    case "CheckQuorum":
    case "Unreachable":
    case "SnapshotStatus":
    case "ForgetLeader":
    case "ReadIndex":
    case "TransferLeader":
    case "StorageAppend":
    case "StorageAppendResponse":
    case "StorageApply":
    case "StorageApplyResponse":
      return;
  }
}

/** Term 0 would pass as a message of this node's own, whatever its age. */
function checkTerm(message: Message): void {
  if (message.term === 0) refuse("term", 0);
}

function checkEntries(entries: readonly Entry[], prev: number, logTerm: number, max: number): void {
  let index = prev;
  let term = logTerm;
  for (const entry of entries) {
    index += 1;
    if (entry.index !== index || !Number.isSafeInteger(index)) refuse("index", entry.index);
    if (!(Number.isSafeInteger(entry.term) && entry.term >= term)) refuse("term", entry.term);
    term = entry.term;
  }
  if (term > max) refuse("term", term);
}

function checkNatural(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) refuse(name, value);
}

function refuse(name: string, value: number): never {
  throw new RaftError("INVALID_MESSAGE", `no correct node sends this ${name} (${value})`);
}
