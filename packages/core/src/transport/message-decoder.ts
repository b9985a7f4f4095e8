import { Unpackr } from "msgpackr";
import type { ConfState, Entry, Message, NodeId } from "raft-ts-lite";
import { openEntry, sealedEntryBytes } from "../format/sealed-entry.ts";
import { ENTRY_TYPES, MESSAGE_CODE } from "./message-frame.ts";
import { asWireError, WireError } from "./wire-error.ts";

/** The longest read token that is believed. */
const MAX_TOKEN_LENGTH = 256;

const unpackr = new Unpackr({ useRecords: false });

/**
 * Reads the body of a frame of Raft messages that `peer` sent to `self`. Every field is checked: what comes out can be stepped
 * into the core as if the core had made it. Payloads and entries are views into `body`. Throws {@link WireError} `MALFORMED`.
 */
export function decodeMessages(body: Buffer, peer: NodeId, self: NodeId): readonly Message[] {
  const messages = readMessages(body);
  for (const message of messages) checkEnvelope(message, peer, self);
  return messages;
}

/** As {@link decodeMessages}, for who listens in and does not know whose messages these are. */
export function readMessages(body: Buffer): readonly Message[] {
  try {
    const rawAt = 4 + body.readUInt32LE(0);
    if (rawAt > body.length) throw malformed("control part is cut short");
    const rows: unknown = unpackr.unpack(body, { start: 4, end: rawAt });
    if (!Array.isArray(rows)) throw malformed("control part is no array");
    const raw = new RawPart(body, rawAt);
    const messages: Message[] = [];
    for (const row of rows as readonly unknown[]) {
      if (!Array.isArray(row)) throw malformed("a message is no array");
      messages.push(decodeRow(row, raw));
    }
    raw.finish();
    return messages;
  } catch (cause) {
    throw asWireError(cause, "Raft messages");
  }
}

/** The bytes behind the control part, taken in the order in which the messages name them. */
class RawPart {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed("payload is cut short");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  sealedEntry(): Entry {
    const length = sealedEntryBytes(this.#bytes, this.#at);
    if (length === undefined) throw malformed("entry is cut short");
    return openEntry(this.take(length));
  }

  finish(): void {
    if (this.#at !== this.#bytes.length) throw malformed("bytes behind the last payload");
  }
}

type Row = readonly unknown[];

function decodeRow(row: Row, raw: RawPart): Message {
  return decodeBody(row, raw, { to: nodeId(row, 1), from: nodeId(row, 2), term: count(row, 3) });
}

function checkEnvelope({ type, to, from }: Message, peer: NodeId, self: NodeId): void {
  if (to !== self) throw malformed(`message is for node (${to})`);
  // What a follower forwards names whom it is for or about; everything else speaks for its sender alone.
  const forwarded = type === "Propose" || type === "ReadIndex" || type === "TransferLeader";
  if (!forwarded && from !== peer) throw malformed(`node (${peer}) speaks for node (${from})`);
}

interface Envelope {
  readonly to: NodeId;
  readonly from: NodeId;
  readonly term: number;
}

function decodeBody(row: Row, raw: RawPart, envelope: Envelope): Message {
  switch (row[0]) {
    case MESSAGE_CODE.AppendEntries:
      return appendEntries(row, raw, envelope);
    case MESSAGE_CODE.AppendEntriesResponse:
      fields(row, 8);
      return {
        type: "AppendEntriesResponse",
        ...envelope,
        index: count(row, 4),
        logTerm: count(row, 5),
        reject: flag(row, 6),
        rejectHint: count(row, 7),
      };
    case MESSAGE_CODE.RequestVote:
      return requestVote("RequestVote", row, envelope);
    case MESSAGE_CODE.PreVote:
      return requestVote("PreVote", row, envelope);
    case MESSAGE_CODE.RequestVoteResponse:
      fields(row, 5);
      return { type: "RequestVoteResponse", ...envelope, reject: flag(row, 4) };
    case MESSAGE_CODE.PreVoteResponse:
      fields(row, 5);
      return { type: "PreVoteResponse", ...envelope, reject: flag(row, 4) };
    case MESSAGE_CODE.InstallSnapshot:
      return installSnapshot(row, raw, envelope);
    case MESSAGE_CODE.Heartbeat:
      fields(row, 6);
      return { type: "Heartbeat", ...envelope, commit: count(row, 4), readToken: token(row, 5) };
    case MESSAGE_CODE.HeartbeatResponse:
      fields(row, 5);
      return { type: "HeartbeatResponse", ...envelope, readToken: token(row, 4) };
    case MESSAGE_CODE.TimeoutNow:
      fields(row, 4);
      return { type: "TimeoutNow", ...envelope };
    case MESSAGE_CODE.Propose:
      fields(row, 5);
      return { type: "Propose", ...envelope, entries: proposedEntries(list(row, 4), raw) };
    case MESSAGE_CODE.ReadIndex:
      fields(row, 5);
      return { type: "ReadIndex", ...envelope, readToken: token(row, 4) };
    case MESSAGE_CODE.ReadIndexResponse:
      fields(row, 6);
      return {
        type: "ReadIndexResponse",
        ...envelope,
        index: count(row, 4),
        readToken: token(row, 5),
      };
    case MESSAGE_CODE.TransferLeader:
      fields(row, 4);
      return { type: "TransferLeader", ...envelope };
    default:
      throw malformed(`message code (${String(row[0])}) is not known`);
  }
}

function appendEntries(row: Row, raw: RawPart, envelope: Envelope): Message {
  fields(row, 8);
  const index = count(row, 4);
  const logTerm = count(row, 5);
  const commit = count(row, 6);
  const entries: Entry[] = [];
  let term = logTerm;
  for (let left = count(row, 7); left > 0; left--) {
    const entry = raw.sealedEntry();
    // A log that skips or goes back would break the core's invariants, and with them the node, far from the cause.
    if (entry.index !== index + entries.length + 1) throw malformed("entries are not consecutive");
    if (entry.term < term || entry.term > envelope.term) throw malformed("terms are out of order");
    term = entry.term;
    entries.push(entry);
  }
  return { type: "AppendEntries", ...envelope, index, logTerm, commit, entries };
}

function requestVote(type: "RequestVote" | "PreVote", row: Row, envelope: Envelope): Message {
  fields(row, 8);
  return {
    type,
    ...envelope,
    index: count(row, 4),
    logTerm: count(row, 5),
    transfer: flag(row, 6),
    priority: integer(row, 7),
  };
}

function installSnapshot(row: Row, raw: RawPart, envelope: Envelope): Message {
  fields(row, 12);
  const confState: ConfState = {
    voters: nodeIds(row, 6),
    learners: nodeIds(row, 7),
    votersOutgoing: nodeIds(row, 8),
    learnersNext: nodeIds(row, 9),
    autoLeave: flag(row, 10),
  };
  const metadata = { index: count(row, 4), term: count(row, 5), confState };
  const data = raw.take(count(row, 11));
  return { type: "InstallSnapshot", ...envelope, snapshot: { metadata, data } };
}

function proposedEntries(described: Row, raw: RawPart): readonly Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < described.length; at += 2) {
    const type = ENTRY_TYPES[count(described, at) - 1];
    if (type === undefined) throw malformed("type of an entry is not known");
    entries.push({ type, term: 0, index: 0, data: raw.take(count(described, at + 1)) });
  }
  return entries;
}

/** Rows have exactly the fields of this protocol version: what is unknown is refused, never guessed at. */
function fields(row: Row, expected: number): void {
  if (row.length !== expected) throw malformed(`message of (${row.length}) fields`);
}

function integer(row: Row, at: number): number {
  const value = row[at];
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw malformed(`field (${at}) is no safe integer`);
  }
  return value;
}

function count(row: Row, at: number): number {
  const value = integer(row, at);
  if (value < 0) throw malformed(`field (${at}) is negative`);
  return value;
}

function nodeId(row: Row, at: number): NodeId {
  const value = integer(row, at);
  if (value < 1) throw malformed(`field (${at}) is no node id`);
  return value;
}

function flag(row: Row, at: number): boolean {
  const value = row[at];
  if (typeof value !== "boolean") throw malformed(`field (${at}) is no boolean`);
  return value;
}

function token(row: Row, at: number): string {
  const value = row[at];
  if (typeof value !== "string" || value.length > MAX_TOKEN_LENGTH) {
    throw malformed(`field (${at}) is no read token`);
  }
  return value;
}

function list(row: Row, at: number): Row {
  const value = row[at];
  if (!Array.isArray(value)) throw malformed(`field (${at}) is no list`);
  return value;
}

function nodeIds(row: Row, at: number): readonly NodeId[] {
  const ids = list(row, at);
  return ids.map((_, i) => nodeId(ids, i));
}

function malformed(why: string): WireError {
  return new WireError("MALFORMED", why);
}
