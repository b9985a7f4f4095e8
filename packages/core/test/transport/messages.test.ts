import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import type { AppendEntries } from "raft-ts-lite";
import { sealOf } from "../../src/format/sealed-entry.ts";
import { FrameDecoder } from "../../src/transport/frame.ts";
import { decodeMessages } from "../../src/transport/message-decoder.ts";
import {
  crossesNetwork,
  MESSAGE_CODE,
  messageBytes,
  MessageFrame,
  type WireMessage,
} from "../../src/transport/message-frame.ts";
import { WireError } from "../../src/transport/wire-error.ts";
import { sealedTestEntry, wireMessages } from "./arbitraries.ts";

const FROM = 4;
const TO = 6;
const packr = new Packr({ useRecords: false });

function frameOf(messages: readonly WireMessage[]): MessageFrame {
  const frame = new MessageFrame(3);
  for (const message of messages) frame.add(message, messageBytes(message));
  return frame;
}

function bodyOf(messages: readonly WireMessage[]): Buffer {
  const decoder = new FrameDecoder(2 ** 24);
  decoder.push(Buffer.concat(frameOf(messages).encode()));
  const frame = decoder.next();
  expect(frame).toMatchObject({ kind: 4, group: 3 });
  return frame?.body ?? Buffer.alloc(0);
}

/** A body made by hand: control part and raw bytes. */
function body(rows: unknown, ...raw: readonly Uint8Array[]): Buffer {
  const control = packr.pack(rows);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(control.length, 0);
  return Buffer.concat([length, control, ...raw]);
}

const someMessages = fc.array(wireMessages({ from: FROM, to: TO }), { maxLength: 5 });

test("every message that crosses the network arrives as it was sent", () => {
  fc.assert(
    fc.property(someMessages, (messages) => {
      expect(decodeMessages(bodyOf(messages), FROM, TO)).toEqual(messages);
    }),
    { numRuns: 500 },
  );
});

test("the estimate of a frame's size is never too small", () => {
  fc.assert(
    fc.property(someMessages, (messages) => {
      const frame = frameOf(messages);
      expect(Buffer.concat(frame.encode()).length).toBeLessThanOrEqual(frame.bytes);
    }),
  );
});

test("sealed entries are written from the memory in which they were sealed", () => {
  const entry = sealedTestEntry(2, 8, Buffer.from("payload"));
  const message: AppendEntries = {
    type: "AppendEntries",
    from: FROM,
    to: TO,
    term: 2,
    index: 7,
    logTerm: 2,
    commit: 0,
    entries: [entry],
  };
  expect(frameOf([message]).encode()[1]).toBe(sealOf(entry));
  expect(sealOf(decodeEntry(bodyOf([message])))).toEqual(sealOf(entry));
});

function decodeEntry(bytes: Buffer): AppendEntries["entries"][number] {
  const [message] = decodeMessages(bytes, FROM, TO);
  const entry = message?.type === "AppendEntries" ? message.entries[0] : undefined;
  if (entry === undefined) throw new Error("no entry");
  return entry;
}

test("an entry that was not sealed is a broken invariant", () => {
  const entry = { type: "Normal", term: 1, index: 1, data: Buffer.alloc(0) } as const;
  const envelope = { from: FROM, to: TO, term: 1, index: 0, logTerm: 0, commit: 0 };
  const message = { type: "AppendEntries", ...envelope, entries: [entry] } as const;
  expect(() => frameOf([message])).toThrow("before it was sealed");
});

test("local messages do not cross the network", () => {
  const envelope = { from: FROM, to: TO, term: 0 };
  expect(crossesNetwork({ type: "TimeoutNow", ...envelope })).toBe(true);
  expect(crossesNetwork({ type: "Campaign", ...envelope })).toBe(false);
  expect(crossesNetwork({ type: "SnapshotStatus", ...envelope, reject: false })).toBe(false);
});

describe("bad input", () => {
  const entry = sealedTestEntry(2, 8, Buffer.from("payload"));
  const sealed = sealOf(entry) ?? Buffer.alloc(0);
  const append = [MESSAGE_CODE.AppendEntries, TO, FROM, 2, 7, 2, 0, 1];
  const beat = [MESSAGE_CODE.Heartbeat, TO, FROM, 2, 5, ""];
  const change = (row: readonly unknown[], at: number, to: unknown): unknown[] => row.with(at, to);
  const damaged = Buffer.from(sealed);
  damaged.writeUInt8(damaged.readUInt8(50) ^ 1, 50);

  test("the same bodies are good before they are spoiled", () => {
    expect(decodeMessages(body([append], sealed), FROM, TO)).toHaveLength(1);
    expect(decodeMessages(body([beat]), FROM, TO)).toHaveLength(1);
  });

  test.each<[string, Buffer]>([
    ["an empty body", Buffer.alloc(0)],
    ["a control part that is cut short", body([beat]).subarray(0, -1)],
    ["a control part that is no MessagePack", Buffer.from([1, 0, 0, 0, 0xc1])],
    ["a control part longer than the body", Buffer.from([255, 255, 255, 255, 0x90])],
    ["a control part that is no array", body({})],
    ["a message that is no array", body([7])],
    ["an unknown message code", body([change(beat, 0, 99)])],
    ["a code that is a string", body([change(beat, 0, "8")])],
    ["a missing field", body([beat.slice(0, -1)])],
    ["a field too many", body([[...beat, 1]])],
    ["a message for another node", body([change(beat, 1, TO + 1)])],
    ["a message that speaks for another node", body([change(beat, 2, FROM + 1)])],
    ["a sender that is nobody", body([change(beat, 2, 0)])],
    ["a negative term", body([change(beat, 3, -1)])],
    ["a term beyond 2^53", body([change(beat, 3, 2 ** 53)])],
    ["a term as 64-bit integer beyond 2^53", body([change(beat, 3, 2n ** 60n)])],
    ["a term with a fraction", body([change(beat, 3, 1.5)])],
    ["a term that is no number", body([change(beat, 3, null)])],
    ["an index beyond 2^53", body([change(append, 4, 2 ** 60)], sealed)],
    ["a token that is no string", body([change(beat, 5, 1)])],
    ["a token without end", body([change(beat, 5, "x".repeat(300))])],
    ["a flag that is a number", body([[MESSAGE_CODE.RequestVoteResponse, TO, FROM, 2, 1]])],
    ["an entry that is missing", body([append])],
    ["an entry that is cut short", body([append], sealed.subarray(0, -1))],
    ["a damaged entry", body([append], damaged)],
    ["bytes behind the last entry", body([append], sealed, Buffer.from("x"))],
    ["more entries than anybody can send", body([change(append, 7, 2 ** 52)], sealed)],
    ["an entry that is not the next one", body([change(append, 4, 6)], sealed)],
    ["an entry of an older term than the one before", body([change(append, 5, 3)], sealed)],
    ["an entry of a newer term than its leader", body([change(append, 3, 1)], sealed)],
    ["a proposed entry of unknown type", body([[11, TO, FROM, 0, [4, 0]]])],
    ["a proposed entry without length", body([[11, TO, FROM, 0, [1]]])],
    ["a proposed entry longer than the frame", body([[11, TO, FROM, 0, [1, 2 ** 40]]])],
    ["voters that are no list", body([[7, TO, FROM, 2, 1, 1, 1, [], [], [], false, 0]])],
    ["a voter that is no id", body([[7, TO, FROM, 2, 1, 1, [0], [], [], [], false, 0]])],
    ["snapshot bytes beyond the frame", body([[7, TO, FROM, 2, 1, 1, [1], [], [], [], false, 9]])],
    ["an array that claims more than the frame holds", Buffer.from("05000000dd01ffffff", "hex")],
  ])("%s is malformed", (_, bytes) => {
    expect(() => decodeMessages(bytes, FROM, TO)).toThrow(WireError);
  });

  test("a forwarded message may name somebody else", () => {
    for (const type of ["TransferLeader", "ReadIndex", "Propose"] as const) {
      const rest = { TransferLeader: [], ReadIndex: ["t"], Propose: [[]] }[type];
      const rows = [[MESSAGE_CODE[type], TO, FROM + 1, 0, ...rest]];
      expect(decodeMessages(body(rows), FROM, TO)).toMatchObject([{ type, from: FROM + 1 }]);
    }
  });

  test("whatever is done to a body, the decoder throws nothing but WireError", () => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(someMessages, edits, fc.nat(), (messages, changes, keep) => {
        const bytes = Buffer.from(bodyOf(messages));
        for (const [at, value] of changes) bytes.writeUInt8(value, at % bytes.length);
        const cutAt = changes.length === 0 ? keep % (bytes.length + 1) : bytes.length;
        try {
          decodeMessages(bytes.subarray(0, cutAt), FROM, TO);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
