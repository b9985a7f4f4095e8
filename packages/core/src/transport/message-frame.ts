import { Packr, RESERVE_START_SPACE } from "msgpackr";
import type { ConfState, Entry, EntryType, Message } from "raft-ts-lite";
import { assert } from "../errors.ts";
import { ENTRY_HEADER_BYTES, sealOf } from "../format/sealed-entry.ts";
import { FRAME_HEAD_BYTES, FRAME_KIND, sealFrame } from "./frame.ts";

/** Messages that cross the network, by their code there; docs/formats.md, section 6. Codes are never reused. */
export const MESSAGE_CODE = {
  AppendEntries: 1,
  AppendEntriesResponse: 2,
  RequestVote: 3,
  PreVote: 4,
  RequestVoteResponse: 5,
  PreVoteResponse: 6,
  InstallSnapshot: 7,
  Heartbeat: 8,
  HeartbeatResponse: 9,
  TimeoutNow: 10,
  Propose: 11,
  ReadIndex: 12,
  ReadIndexResponse: 13,
  TransferLeader: 14,
} as const;

/** A message that crosses the network; the others are between a node and its own core. */
export type WireMessage = Extract<Message, { readonly type: keyof typeof MESSAGE_CODE }>;

/** Whether a message may leave its node. */
export function crossesNetwork(message: Message): message is WireMessage {
  return Object.hasOwn(MESSAGE_CODE, message.type);
}

/** The code of an entry's type is its place here, counted from 1; the same as in a sealed entry. */
export const ENTRY_TYPES: readonly EntryType[] = ["Normal", "ConfChange", "ConfChangeV2"];

/** A frame's head and the length of the control part, in front of it. */
const ROOM_BYTES = FRAME_HEAD_BYTES + 4;
/** No control part without entries, ids and tokens is longer: eight numbers of nine bytes and what holds them. */
const ROW_BYTES = 96;
/** What the array of messages and the room in front of it add to a frame. */
const FRAME_OVERHEAD_BYTES = ROOM_BYTES + 5;
/** A number in MessagePack takes at most this much. */
const NUMBER_BYTES = 9;

/** One message of the control part: a code, the envelope, and the fields of the type in a fixed order. */
type Row = (number | string | boolean | readonly number[])[];

const packr = new Packr({ useRecords: false });

/** At least what `message` takes in a frame, without encoding it. */
export function messageBytes(message: WireMessage): number {
  switch (message.type) {
    case "AppendEntries": {
      let bytes = ROW_BYTES;
      for (const entry of message.entries) bytes += ENTRY_HEADER_BYTES + entry.data.length;
      return bytes;
    }
    case "Propose": {
      let bytes = ROW_BYTES;
      for (const entry of message.entries) bytes += 2 * NUMBER_BYTES + entry.data.length;
      return bytes;
    }
    case "InstallSnapshot": {
      const { voters, learners, votersOutgoing, learnersNext } =
        message.snapshot.metadata.confState;
      const ids = voters.length + learners.length + votersOutgoing.length + learnersNext.length;
      return 2 * ROW_BYTES + NUMBER_BYTES * ids + message.snapshot.data.length;
    }
    case "Heartbeat":
    case "HeartbeatResponse":
    case "ReadIndex":
    case "ReadIndexResponse":
      return ROW_BYTES + 3 * message.readToken.length;
    case "AppendEntriesResponse":
    case "RequestVote":
    case "PreVote":
    case "RequestVoteResponse":
    case "PreVoteResponse":
    case "TimeoutNow":
    case "TransferLeader":
      return ROW_BYTES;
  }
}

/** Messages of one group on their way into one frame. Entries keep their sealed bytes: nothing of them is copied. */
export class MessageFrame {
  readonly group: number;
  readonly #rows: Row[] = [];
  readonly #raw: Uint8Array[] = [];
  #bytes = FRAME_OVERHEAD_BYTES;

  constructor(group: number) {
    this.group = group;
  }

  /** At least what the frame will take. */
  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#rows.length;
  }

  /** Adds a message that takes `bytes` by {@link messageBytes}. Entries of an AppendEntries must have been sealed. */
  add(message: WireMessage, bytes: number): void {
    this.#rows.push(encodeRow(message, this.#raw));
    this.#bytes += bytes;
  }

  /** The frame, as buffers to be written one after the other. */
  encode(): readonly Uint8Array[] {
    // The packer leaves room for the heads in front, so that small messages are one buffer with one checksum call.
    const first = packr.pack(this.#rows, RESERVE_START_SPACE | ROOM_BYTES);
    first.writeUInt32LE(first.length - ROOM_BYTES, FRAME_HEAD_BYTES);
    sealFrame(FRAME_KIND.messages, this.group, first, this.#raw);
    return [first, ...this.#raw];
  }
}

function encodeRow(message: WireMessage, raw: Uint8Array[]): Row {
  const { to, from, term } = message;
  switch (message.type) {
    case "AppendEntries": {
      const { index, logTerm, commit, entries } = message;
      for (const entry of entries) raw.push(sealed(entry));
      return [MESSAGE_CODE.AppendEntries, to, from, term, index, logTerm, commit, entries.length];
    }
    case "AppendEntriesResponse": {
      const { index, logTerm, reject, rejectHint } = message;
      const code = MESSAGE_CODE.AppendEntriesResponse;
      return [code, to, from, term, index, logTerm, reject, rejectHint];
    }
    case "RequestVote":
    case "PreVote": {
      const { index, logTerm, transfer, priority } = message;
      return [MESSAGE_CODE[message.type], to, from, term, index, logTerm, transfer, priority];
    }
    case "RequestVoteResponse":
    case "PreVoteResponse":
      return [MESSAGE_CODE[message.type], to, from, term, message.reject];
    case "InstallSnapshot": {
      const { metadata, data } = message.snapshot;
      raw.push(data);
      const head = [MESSAGE_CODE.InstallSnapshot, to, from, term, metadata.index, metadata.term];
      return [...head, ...confStateFields(metadata.confState), data.length];
    }
    case "Heartbeat":
      return [MESSAGE_CODE.Heartbeat, to, from, term, message.commit, message.readToken];
    case "HeartbeatResponse":
      return [MESSAGE_CODE.HeartbeatResponse, to, from, term, message.readToken];
    case "TimeoutNow":
    case "TransferLeader":
      return [MESSAGE_CODE[message.type], to, from, term];
    case "Propose":
      return [MESSAGE_CODE.Propose, to, from, term, proposedEntries(message.entries, raw)];
    case "ReadIndex":
      return [MESSAGE_CODE.ReadIndex, to, from, term, message.readToken];
    case "ReadIndexResponse":
      return [MESSAGE_CODE.ReadIndexResponse, to, from, term, message.index, message.readToken];
  }
}

function sealed(entry: Entry): Buffer {
  const bytes = sealOf(entry);
  assert(bytes !== undefined, `entry (${entry.index}) is sent before it was sealed`);
  return bytes;
}

/** Entries of a proposal have no term and index yet, so they cannot be sealed: type and length of each, and the bytes. */
function proposedEntries(entries: readonly Entry[], raw: Uint8Array[]): readonly number[] {
  const fields: number[] = [];
  for (const { type, data } of entries) {
    fields.push(ENTRY_TYPES.indexOf(type) + 1, data.length);
    raw.push(data);
  }
  return fields;
}

function confStateFields(state: ConfState): Row {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = state;
  return [voters, learners, votersOutgoing, learnersNext, autoLeave];
}
