import { type Clock, prng, type Platform } from "@holdfast/platform";
import type { InstallSnapshot } from "raft-ts-lite";
import { expect, test } from "vitest";
import type { AppliedState, StateMachine } from "../../src/machine/state-machine.ts";
import {
  chunkHash,
  decodeAnswer,
  encodeAnswer,
  encodeBegin,
  encodeManifest,
  type SnapshotManifest,
} from "../../src/node/snapshot-codec.ts";
import { SnapshotReceiver } from "../../src/node/snapshot-receiver.ts";
import { SnapshotSender } from "../../src/node/snapshot-sender.ts";
import { StoreSlot } from "../../src/node/store-slot.ts";
import { FRAME_KIND, type Frame } from "../../src/transport/frame.ts";
import type { FrameStream } from "../../src/transport/frame-stream.ts";
import { MemoryDisk } from "../log/memory-disk.ts";

const APPLIED: AppliedState = {
  index: 5,
  term: 1,
  logTime: 1,
  epoch: 0,
  confState: {
    voters: [1, 2],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
  members: new Map(),
  stateHash: new Uint8Array(32),
};
const CLUSTER_ID = new Uint8Array(16).fill(7);
const CHUNK = Buffer.from("state");

/** Reads whatever it is restored from, and nothing else. */
function machine(): StateMachine {
  return {
    format: "test/1",
    applied: () => APPLIED,
    apply: () => Promise.resolve([]),
    checkpoint: () => Promise.resolve(0),
    snapshot: () =>
      Promise.resolve({
        applied: APPLIED,
        chunks: async function* () {
          yield CHUNK;
        },
        close: () => Promise.resolve(),
      }),
    restore: async (_, chunks) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      expect(Buffer.concat(parts)).toEqual(CHUNK);
    },
    sizeBytes: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}

/** A stream that brings `incoming` and keeps what is sent. */
function stream(incoming: readonly Frame[]): FrameStream & { readonly sent: Frame[] } {
  const sent: Frame[] = [];
  return {
    remote: "there",
    sent,
    send: (kind, group, body) => {
      sent.push({ kind, group, body: Buffer.concat(body) });
      return Promise.resolve();
    },
    frames: async function* () {
      yield* incoming;
    },
    end: () => undefined,
    destroy: () => undefined,
    closed: new Promise(() => undefined),
  };
}

function frame(kind: number, body: Uint8Array): Frame {
  return { kind, group: 1, body: Buffer.from(body) };
}

const begin = frame(
  FRAME_KIND.snapshotBegin,
  encodeBegin({ format: "test/1", term: 1, applied: APPLIED }),
);
const chunk = frame(FRAME_KIND.snapshotChunk, CHUNK);
const MANIFEST: SnapshotManifest = {
  clusterId: CLUSTER_ID,
  group: 1,
  format: "test/1",
  applied: APPLIED,
  bytes: CHUNK.length,
  chunks: [{ hash: chunkHash(CHUNK), bytes: CHUNK.length }],
};

/** What a receiver of these frames installs, and what it answers. */
async function received(
  ...frames: readonly Frame[]
): Promise<{ readonly installed: number[]; readonly ok: boolean }> {
  const platform = { disk: new MemoryDisk(), random: prng(1) } as unknown as Platform;
  const slot = await StoreSlot.open(platform, "node", () => Promise.resolve(machine()));
  const installed: number[] = [];
  const receiver = new SnapshotReceiver({
    self: 2,
    clusterId: CLUSTER_ID,
    group: 1,
    slot,
    install: ({ snapshot }: InstallSnapshot) => {
      installed.push(snapshot.metadata.index);
      return Promise.resolve(true);
    },
  });
  const incoming = stream(frames);
  receiver.accept(1, incoming);
  await new Promise((resolve) => setImmediate(resolve));
  const [answer] = incoming.sent;
  if (answer === undefined) throw new Error("no answer");
  return { installed, ok: decodeAnswer(answer.body).ok };
}

test("a snapshot that its manifest confirms is installed", async () => {
  const manifest = frame(FRAME_KIND.snapshotManifest, encodeManifest(MANIFEST));
  expect(await received(begin, chunk, manifest)).toEqual({ installed: [5], ok: true });
});

test.each<[string, Partial<SnapshotManifest>]>([
  ["another hash of a chunk", { chunks: [{ hash: new Uint8Array(32), bytes: CHUNK.length }] }],
  ["more chunks", { chunks: [...MANIFEST.chunks, ...MANIFEST.chunks] }],
  ["more bytes", { bytes: CHUNK.length + 1 }],
  ["another index", { applied: { ...APPLIED, index: 6 } }],
  ["another group", { group: 2 }],
  ["another cluster", { clusterId: new Uint8Array(16) }],
])("a manifest of %s refuses what came before it (trap 55)", async (_, other) => {
  const manifest = frame(FRAME_KIND.snapshotManifest, encodeManifest({ ...MANIFEST, ...other }));
  expect(await received(begin, chunk, manifest)).toEqual({ installed: [], ok: false });
});

test("a stream that ends before its manifest is refused (trap 55)", async () => {
  expect(await received(begin, chunk)).toEqual({ installed: [], ok: false });
});

/** A sender whose pauses end when `elapse` is called, or at once. */
function senderOver(opened: () => Promise<FrameStream>, pausesEnd: "at once" | "on demand") {
  const reports: string[] = [];
  const pauses: { ms: number; end: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    wallTime: () => 0,
    setTimer: (ms, end) => {
      if (pausesEnd === "at once") end();
      else pauses.push({ ms, end });
      return { cancel: () => pauses.splice(0) };
    },
  };
  const sender = new SnapshotSender({
    clusterId: CLUSTER_ID,
    group: 1,
    machine,
    openStream: opened,
    report: (to, status) => reports.push(`${to} ${status}`),
    platform: { clock, random: prng(1) },
    pauses: { reconnectMinMs: 50, reconnectMaxMs: 1_000 },
  });
  const metadata = { index: 5, term: 1, confState: APPLIED.confState };
  const snapshot = { metadata, data: new Uint8Array(0) };
  const send = async (): Promise<void> => {
    sender.start({ type: "InstallSnapshot", from: 1, to: 2, term: 1, snapshot });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { sender, send, reports, pauses };
}

/** What the core is told of a snapshot that is sent over `opened`. */
async function reported(opened: Promise<FrameStream>): Promise<readonly string[]> {
  const { send, reports } = senderOver(() => opened, "at once");
  await send();
  return reports;
}

test("the core hears once how each snapshot ended, or that follower would get nothing more (trap 54)", async () => {
  const answer = (ok: boolean): Frame =>
    frame(FRAME_KIND.snapshotAnswer, encodeAnswer({ ok, reason: "" }));
  expect(await reported(Promise.resolve(stream([answer(true)])))).toEqual(["2 finished"]);
  expect(await reported(Promise.resolve(stream([answer(false)])))).toEqual(["2 failed"]);
  expect(await reported(Promise.resolve(stream([])))).toEqual(["2 failed"]);
  expect(await reported(Promise.reject(new Error("nobody is there")))).toEqual(["2 failed"]);
});

test("a follower that refuses snapshots is sent fewer and fewer of them", async () => {
  let answers: readonly Frame[] = [];
  let sent = 0;
  const { send, reports, pauses } = senderOver(() => {
    sent += 1;
    return Promise.resolve(stream(answers));
  }, "on demand");
  const waited: number[] = [];
  for (let i = 0; i < 12; i++) {
    await send();
    // The core asks again with every answer of the follower; nothing is sent before the pause has ended.
    await send();
    expect(sent).toBe(i + 1);
    expect(reports).toHaveLength(i);
    const [pause] = pauses.splice(0);
    waited.push(pause?.ms ?? 0);
    pause?.end();
  }
  expect(Math.min(...waited)).toBeGreaterThanOrEqual(50);
  expect(Math.max(...waited)).toBeGreaterThan(200);
  answers = [frame(FRAME_KIND.snapshotAnswer, encodeAnswer({ ok: true, reason: "" }))];
  await send();
  expect(reports.at(-1)).toBe("2 finished");
  expect(pauses).toEqual([]);
});

test("a sender that is closed in a pause reports nothing more", async () => {
  const { sender, send, reports, pauses } = senderOver(
    () => Promise.resolve(stream([])),
    "on demand",
  );
  await send();
  expect(pauses).toHaveLength(1);
  sender.close();
  expect(pauses).toEqual([]);
  expect(reports).toEqual([]);
});
