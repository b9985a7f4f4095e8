import { nodePlatform } from "@holdfast/platform";
import { afterEach, expect, test } from "vitest";
import { encodeFrame, FRAME_KIND, type Frame } from "../../src/transport/frame.ts";
import { type FrameStream, STREAM_SILENCE_MS } from "../../src/transport/frame-stream.ts";
import { closeNodes, startNode, type TestNode } from "./cluster-fixture.ts";
import { FakeClock } from "./fake-platform.ts";
import { closeRaw, dialRaw, helloFrame } from "./raw-peer.ts";

afterEach(async () => {
  closeRaw();
  await closeNodes();
});

const CHUNK = Buffer.alloc(256 * 1024, 5);

async function pair(): Promise<[TestNode, TestNode]> {
  const [one, two] = await Promise.all([startNode(1), startNode(2)]);
  one.transport.setPeer(2, two.transport.advertised);
  return [one, two];
}

async function streams(): Promise<{ near: FrameStream; far: FrameStream; two: TestNode }> {
  const [one, two] = await pair();
  const near = await one.transport.openStream(2, "snapshot");
  const [taken] = await two.streams.count(1);
  if (taken === undefined) throw new Error("no stream");
  expect(taken.from).toBe(1);
  return { near, far: taken.stream, two };
}

async function collect(stream: FrameStream, n: number): Promise<readonly Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of stream.frames()) {
    frames.push(frame);
    if (frames.length === n) break;
  }
  return frames;
}

test("frames cross in both directions, in order, beside the peer's messages", async () => {
  const { near, far } = await streams();
  const answering = collect(near, 1);
  for (let i = 0; i < 3; i++) {
    await near.send(FRAME_KIND.snapshotChunk, 7, [Buffer.from([i]), Buffer.from("x")]);
  }
  const iterator = far.frames();
  for (let i = 0; i < 3; i++) {
    const { value } = (await iterator.next()) as IteratorYieldResult<Frame>;
    expect([value.kind, value.group, [...value.body]]).toEqual([6, 7, [i, 120]]);
  }
  await far.send(FRAME_KIND.snapshotAnswer, 7, []);
  expect(await answering).toMatchObject([{ kind: FRAME_KIND.snapshotAnswer, group: 7 }]);
});

test("frames sent right behind the welcome are not lost", async () => {
  const [one, two] = await pair();
  two.handlers.snapshotStream = (_, stream) => {
    void stream.send(FRAME_KIND.snapshotAnswer, 1, [Buffer.from("resume here")]);
  };
  const near = await one.transport.openStream(2, "snapshot");
  const [frame] = await collect(near, 1);
  expect(frame?.body.toString()).toBe("resume here");
});

test("a consumer that waits holds the sender back, and nothing is lost", async () => {
  const { near, far } = await streams();
  const total = 200;
  let sent = 0;
  const sending = (async () => {
    for (; sent < total; sent++) await near.send(FRAME_KIND.snapshotChunk, 0, [CHUNK]);
    near.end();
  })();
  // Nobody reads at the other side: the sender comes to rest. It has come to rest when turns pass and no chunk is taken.
  for (let still = 0; still < 200;) {
    const before = sent;
    await new Promise((resolve) => setImmediate(resolve));
    still = sent === before ? still + 1 : 0;
  }
  expect(sent).toBeLessThan(total);
  let received = 0;
  for await (const frame of far.frames()) {
    received += 1;
    expect(frame.body.length).toBe(CHUNK.length);
  }
  await sending;
  expect(received).toBe(total);
});

test("the reader's loop ends when the other side ends, and says when it broke", async () => {
  const { near, far } = await streams();
  await near.send(FRAME_KIND.snapshotChunk, 0, [CHUNK]);
  near.end();
  expect(await collect(far, Infinity)).toHaveLength(1);
  await Promise.all([near.closed, far.closed]);

  const node = await startNode(3);
  const raw = await dialRaw(node.transport.address);
  raw.send(helloFrame({ role: "snapshot" }));
  const [taken] = await node.streams.count(1);
  const frame = Buffer.concat(encodeFrame(FRAME_KIND.snapshotChunk, 0, [CHUNK]));
  raw.send(frame, frame.subarray(0, 1_000));
  raw.socket.end();
  const frames: Frame[] = [];
  const reading = (async () => {
    for await (const part of taken?.stream.frames() ?? []) frames.push(part);
  })();
  await expect(reading).rejects.toThrow("inside a frame");
  expect(frames).toHaveLength(1);
});

test("sending into a stream that is gone rejects, also for those who wait", async () => {
  const { near, far } = await streams();
  const sending = (async () => {
    for (;;) await near.send(FRAME_KIND.snapshotChunk, 0, [CHUNK]);
  })();
  far.destroy();
  await expect(sending).rejects.toMatchObject({ name: "NetworkError", code: "CLOSED" });
  await near.closed;
});

test("a stream on which nothing moves is given up at both ends, one that moves is not", async () => {
  const clocks = [new FakeClock(), new FakeClock()] as const;
  const [one, two] = await Promise.all([
    startNode(1, { platform: { ...nodePlatform(), clock: clocks[0] } }),
    startNode(2, { platform: { ...nodePlatform(), clock: clocks[1] } }),
  ]);
  one.transport.setPeer(2, two.transport.advertised);
  const near = await one.transport.openStream(2, "snapshot");
  const [taken] = await two.streams.count(1);
  const reading = taken?.stream.frames() ?? near.frames();
  for (let i = 0; i < 5; i++) {
    await near.send(FRAME_KIND.snapshotChunk, 0, [Buffer.from([i])]);
    await reading.next();
    for (const clock of clocks) clock.advance(STREAM_SILENCE_MS - 1);
  }
  const waiting = reading.next();
  clocks[1].advance(STREAM_SILENCE_MS);
  await expect(waiting).rejects.toMatchObject({ name: "WireError", code: "TIMEOUT" });
  await near.closed;
  // The transports are still there, the streams' timers are not.
  await Promise.all([one.transport.close(), two.transport.close()]);
  expect(clocks.map(({ pending }) => pending)).toEqual([0, 0]);
});

test("leaving the loop closes the stream", async () => {
  const { near, far } = await streams();
  await near.send(FRAME_KIND.snapshotChunk, 0, [CHUNK]);
  await collect(far, 1);
  await near.closed;
});

test("a stream that nobody welcomes rejects with the reason", async () => {
  const [one, two] = await pair();
  two.admit = () => Promise.resolve({ code: "REMOVED", message: "node (1) was removed" });
  await expect(one.transport.openStream(2, "snapshot")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "no stream to node (2): REMOVED: node (1) was removed",
  });
  await expect(one.transport.openStream(9, "snapshot")).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
  await two.transport.close();
  await expect(one.transport.openStream(2, "snapshot")).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
});

test("closing the transport closes its streams", async () => {
  const { near, far, two } = await streams();
  const reading = collect(near, 1);
  await two.transport.close();
  await Promise.all([near.closed, far.closed]);
  expect(await reading).toEqual([]);
});
