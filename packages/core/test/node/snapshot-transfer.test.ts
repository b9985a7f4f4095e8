import { prng, type Platform } from "@holdfast/platform";
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

/** What the core is told of a snapshot that is sent over `opened`. */
async function reported(opened: Promise<FrameStream>): Promise<readonly string[]> {
  const reports: string[] = [];
  const sender = new SnapshotSender({
    clusterId: CLUSTER_ID,
    group: 1,
    machine,
    openStream: () => opened,
    report: (to, status) => reports.push(`${to} ${status}`),
  });
  const metadata = { index: 5, term: 1, confState: APPLIED.confState };
  const snapshot = { metadata, data: new Uint8Array(0) };
  sender.start({ type: "InstallSnapshot", from: 1, to: 2, term: 1, snapshot });
  await new Promise((resolve) => setImmediate(resolve));
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
