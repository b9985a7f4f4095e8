import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, FRAME_KIND } from "../../src/transport/frame.ts";
import { FrameTap, type TappedFrame } from "../../src/transport/frame-tap.ts";
import { encodeHello, encodeRefusal } from "../../src/transport/handshake.ts";
import { messageBytes, MessageFrame } from "../../src/transport/message-frame.ts";
import { cut, wireMessages } from "./arbitraries.ts";

const hello = encodeHello({
  protocol: { lowest: 1, highest: 1 },
  role: "peer",
  clusterId: new Uint8Array(16),
  nodeId: 4,
  incarnation: 9,
  amnesiac: false,
  features: [],
  address: "127.0.0.1:1",
});

function whole(kind: number, group: number, body: Uint8Array): Buffer {
  return Buffer.concat(encodeFrame(kind, group, [body]));
}

test("a tap reads what a node sends, in pieces of any size", () => {
  const messages = fc.array(wireMessages({ from: 4, to: 6 }), { maxLength: 4 });
  fc.assert(
    fc.property(messages, fc.array(fc.nat()), (sent, places) => {
      const frame = new MessageFrame(3);
      for (const message of sent) frame.add(message, messageBytes(message));
      const frames = [
        whole(FRAME_KIND.hello, 0, hello),
        Buffer.concat(frame.encode()),
        whole(FRAME_KIND.snapshotChunk, 3, Buffer.from("chunk")),
      ];
      const tap = new FrameTap();
      const found: TappedFrame[] = [];
      for (const piece of cut(Buffer.concat(frames), places)) found.push(...tap.push(piece));
      expect(found.map(({ bytes }) => Buffer.from(bytes))).toEqual(frames);
      expect(found.map(({ kind, group, from }) => [kind, group, from])).toEqual([
        ["hello", 0, 4],
        ["messages", 3, undefined],
        ["snapshotChunk", 3, undefined],
      ]);
      expect(found.map((one) => one.messages)).toEqual([[], sent, []]);
    }),
  );
});

test("every kind of frame has its name", () => {
  const bodies = new Map<number, Uint8Array>([
    [FRAME_KIND.hello, hello],
    [FRAME_KIND.welcome, hello],
    [FRAME_KIND.refused, encodeRefusal({ code: "ROLE", message: "no" })],
    [FRAME_KIND.messages, Buffer.concat(new MessageFrame(0).encode()).subarray(16)],
  ]);
  for (const [name, kind] of Object.entries(FRAME_KIND)) {
    const [frame] = new FrameTap().push(whole(kind, 0, bodies.get(kind) ?? new Uint8Array(0)));
    expect(frame?.kind).toBe(name);
  }
});

test("bytes that are no frames end the tap", () => {
  const tap = new FrameTap();
  expect(() => tap.push(Buffer.alloc(32))).toThrow("shorter than its head");
  expect(() => tap.push(whole(FRAME_KIND.hello, 0, hello))).toThrow();
  const damaged = whole(FRAME_KIND.hello, 0, hello);
  damaged.writeUInt8(damaged.readUInt8(20) ^ 1, 20);
  expect(() => new FrameTap().push(damaged)).toThrow("checksum");
  expect(() => new FrameTap().push(whole(99, 0, hello))).toThrow("unknown kind (99)");
  expect(() => new FrameTap().push(whole(FRAME_KIND.messages, 0, hello))).toThrow();
});
