import { nodePlatform } from "@holdfast/platform";
import { afterEach, describe, expect, test } from "vitest";
import type { Heartbeat } from "raft-ts-lite";
import { encodeFrame, FRAME_KIND } from "../../src/transport/frame.ts";
import { decodeHello, decodeRefusal, type Hello } from "../../src/transport/handshake.ts";
import { closeNodes, SETTINGS, startNode, type TestNode } from "./cluster-fixture.ts";
import { FakeClock } from "./fake-platform.ts";
import { closeRaw, dialRaw, helloFrame, messagesFrame, type RawPeer } from "./raw-peer.ts";

afterEach(async () => {
  closeRaw();
  await closeNodes();
});

const beat: Heartbeat = { type: "Heartbeat", from: 2, to: 1, term: 1, commit: 0, readToken: "" };

/** A node on a real socket whose time stands still, and a connection to it. */
async function knock(): Promise<{ node: TestNode; raw: RawPeer; clock: FakeClock }> {
  const clock = new FakeClock();
  const node = await startNode(1, { platform: { ...nodePlatform(), clock } });
  return { node, raw: await dialRaw(node.transport.address), clock };
}

/** The node still serves: it welcomes somebody else and takes a message. */
async function expectAlive(node: TestNode): Promise<void> {
  const raw = await dialRaw(node.transport.address);
  raw.send(helloFrame({ nodeId: 3, incarnation: 3 }));
  await raw.frames.count(1);
  raw.send(messagesFrame([{ ...beat, from: 3 }]));
  await node.received.until((seen) => seen.some(({ from }) => from === 3));
}

async function expectDropped({ node, raw }: { node: TestNode; raw: RawPeer }): Promise<void> {
  await raw.ended.count(1);
  expect(raw.frames.seen).toEqual([]);
  expect(node.received.seen).toEqual([]);
  await expectAlive(node);
}

describe("a stranger is dropped, and the node goes on:", () => {
  test("garbage", async () => {
    const met = await knock();
    met.raw.send(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await expectDropped(met);
  });

  test("half a frame, then silence", async () => {
    const met = await knock();
    const hello = helloFrame();
    // The whole hello but for its last byte; a second stranger shows that the first one's bytes were read.
    met.raw.send(hello.subarray(0, -1));
    const other = await dialRaw(met.node.transport.address);
    other.send(helloFrame({ nodeId: 4 }));
    await other.frames.count(1);
    expect(met.raw.ended.seen).toEqual([]);
    met.clock.advance(SETTINGS.handshakeTimeoutMs);
    await expectDropped(met);
  });

  test("silence from the beginning", async () => {
    const met = await knock();
    const other = await dialRaw(met.node.transport.address);
    other.send(helloFrame({ nodeId: 4 }));
    await other.frames.count(1);
    met.clock.advance(SETTINGS.handshakeTimeoutMs);
    await expectDropped(met);
  });

  test("a frame larger than a stranger may send", async () => {
    const met = await knock();
    const large = Buffer.concat(encodeFrame(FRAME_KIND.hello, 0, [Buffer.alloc(5_000)]));
    met.raw.send(large.subarray(0, 8));
    await expectDropped(met);
  });

  test("a hello with a wrong checksum", async () => {
    const met = await knock();
    const hello = helloFrame();
    hello.writeUInt8(hello.readUInt8(30) ^ 1, 30);
    met.raw.send(hello);
    await expectDropped(met);
  });

  test("Raft messages in place of a hello", async () => {
    const met = await knock();
    met.raw.send(messagesFrame([beat]));
    await expectDropped(met);
  });

  test("a hello that is malformed", async () => {
    const met = await knock();
    met.raw.send(Buffer.concat(encodeFrame(FRAME_KIND.hello, 0, [Buffer.from("HOLDFAST\xc1")])));
    await expectDropped(met);
  });

  test("messages behind the hello, before the welcome", async () => {
    const met = await knock();
    met.raw.send(helloFrame(), messagesFrame([beat]));
    await expectDropped(met);
  });

  test("messages while the hello is being judged", async () => {
    const met = await knock();
    let decide: (answer: undefined) => void = () => undefined;
    met.node.admit = () => new Promise((resolve) => (decide = resolve));
    met.raw.send(helloFrame());
    await met.node.hellos.count(1);
    met.raw.send(messagesFrame([beat]));
    await met.raw.ended.count(1);
    decide(undefined);
    met.node.admit = () => Promise.resolve(undefined);
    await expectDropped(met);
  });
});

describe("a hello is refused with a code and a sentence:", () => {
  test.each<[string, Partial<Hello>, string]>([
    ["PROTOCOL", { protocol: { lowest: 2, highest: 9 } }, "upgrade"],
    ["CLUSTER_MISMATCH", { clusterId: new Uint8Array(16) }, "another cluster"],
    ["NODE_MISMATCH", { nodeId: 1 }, "itself"],
    ["ROLE", { role: "client" }, "not available"],
    ["ROLE", { role: "admin" }, "not available"],
  ])("%s for %j", async (code, change, words) => {
    const { node, raw } = await knock();
    raw.send(helloFrame(change));
    const [frame] = await raw.frames.count(1);
    expect(frame?.kind).toBe(FRAME_KIND.refused);
    const refusal = decodeRefusal(frame?.body ?? Buffer.alloc(0));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(words);
    await raw.ended.count(1);
    // The node was not even asked.
    expect(node.hellos.seen).toEqual([]);
    await expectAlive(node);
  });

  test("what the node itself says, such as a wiped disk under a known id", async () => {
    const { node, raw } = await knock();
    const refusal = { code: "INCARNATION_MISMATCH", message: "node (2) was wiped" } as const;
    node.admit = () => Promise.resolve(refusal);
    raw.send(helloFrame({ address: "10.0.0.9:7" }));
    const [frame] = await raw.frames.count(1);
    expect(decodeRefusal(frame?.body ?? Buffer.alloc(0))).toEqual(refusal);
    expect(node.hellos.seen).toMatchObject([
      { nodeId: 2, incarnation: 1_002, address: "10.0.0.9:7" },
    ]);
    await raw.ended.count(1);
  });
});

test("a peer is welcomed by name, and may send from then on", async () => {
  const { node, raw } = await knock();
  raw.send(helloFrame());
  const [frame] = await raw.frames.count(1);
  expect(frame?.kind).toBe(FRAME_KIND.welcome);
  expect(decodeHello(frame?.body ?? Buffer.alloc(0))).toMatchObject({
    nodeId: 1,
    incarnation: 1_001,
    address: node.transport.advertised,
  });
  raw.send(messagesFrame([beat], 5));
  expect(await node.received.count(1)).toEqual([{ from: 2, group: 5, messages: [beat] }]);
});

describe("a peer that breaks the rules later is dropped as well:", () => {
  async function welcomed(): Promise<{ node: TestNode; raw: RawPeer; clock: FakeClock }> {
    const met = await knock();
    met.raw.send(helloFrame());
    await met.raw.frames.count(1);
    return met;
  }

  function damaged(frame: Buffer): Buffer {
    frame.writeUInt8(frame.readUInt8(frame.length - 1) ^ 1, frame.length - 1);
    return frame;
  }

  test.each<[string, Buffer]>([
    ["a damaged frame", damaged(messagesFrame([beat]))],
    ["a second hello", helloFrame()],
    ["a frame above the limit", Buffer.from("ffffffff00000000", "hex")],
    ["malformed messages", Buffer.concat(encodeFrame(FRAME_KIND.messages, 0, [Buffer.alloc(9)]))],
    ["messages in another's name", messagesFrame([{ ...beat, from: 3 }])],
    ["messages for another", messagesFrame([{ ...beat, to: 3 }])],
    ["a frame of unknown kind", Buffer.concat(encodeFrame(99, 0, []))],
  ])("%s", async (_, bytes) => {
    const { node, raw } = await welcomed();
    // The good frame in front is delivered, the one behind is not.
    raw.send(messagesFrame([beat]), bytes, messagesFrame([{ ...beat, commit: 7 }]));
    await raw.ended.count(1);
    expect(node.messages).toEqual([beat]);
    await expectAlive(node);
  });

  test("a connection that dies inside a frame delivers what was complete", async () => {
    const { node, raw } = await welcomed();
    raw.send(messagesFrame([beat]), messagesFrame([beat]).subarray(0, 20));
    await node.received.count(1);
    raw.socket.resetAndDestroy();
    await raw.ended.count(1);
    await expectAlive(node);
    expect(node.messages.filter(({ from }) => from === 2)).toEqual([beat]);
  });
});

test("a crowd of strangers does not keep peers out: the oldest makes room", async () => {
  const { node, raw: first } = await knock();
  const crowd: RawPeer[] = [];
  for (let i = 0; i < 128; i++) crowd.push(await dialRaw(node.transport.address));
  await first.ended.count(1);
  await expectAlive(node);
});

test("a newer connection of the same peer replaces the older one", async () => {
  const { node, raw: older } = await knock();
  older.send(helloFrame());
  await older.frames.count(1);
  const newer = await dialRaw(node.transport.address);
  newer.send(helloFrame());
  await newer.frames.count(1);
  await older.ended.count(1);
  newer.send(messagesFrame([beat]));
  expect(await node.received.count(1)).toEqual([{ from: 2, group: 0, messages: [beat] }]);
  // The end of the older one did not make the node forget the newer: it is replaced in its turn.
  const newest = await dialRaw(node.transport.address);
  newest.send(helloFrame());
  await newest.frames.count(1);
  await newer.ended.count(1);
});

test("an admission that ends after its connection is gone changes nothing", async () => {
  const { node, raw: live } = await knock();
  live.send(helloFrame());
  await live.frames.count(1);
  let decide: (answer: undefined) => void = () => undefined;
  node.admit = () => new Promise((resolve) => (decide = resolve));
  const gone = await dialRaw(node.transport.address);
  gone.send(helloFrame());
  await node.hellos.count(2);
  // What follows the hello breaks the rules, so the node itself closes, and has done so when the socket ends here.
  gone.send(helloFrame());
  await gone.ended.count(1);
  decide(undefined);
  node.admit = () => Promise.resolve(undefined);
  await expectAlive(node);
  live.send(messagesFrame([beat]));
  await node.received.until((seen) => seen.some(({ from }) => from === 2));
  expect(live.ended.seen).toEqual([]);
});

test("a connection to another node's id leaves the first one's alone", async () => {
  const { node, raw: two } = await knock();
  two.send(helloFrame());
  await two.frames.count(1);
  await expectAlive(node);
  two.send(messagesFrame([beat]));
  await node.received.until((seen) => seen.some(({ from }) => from === 2));
  expect(two.ended.seen).toEqual([]);
});
