import type { Message } from "raft-ts-lite";
import { expect, it } from "vitest";
import { messagesText } from "../../src/network/message-text.ts";
import { Bench } from "./bench.ts";
import { frame, numbered } from "./frames.ts";

const envelope = { from: 1, to: 2, term: 3 };
const entries = [18, 19, 20].map((index) => ({
  type: "Normal" as const,
  term: 2,
  index,
  data: new Uint8Array(0),
}));
const confState = {
  voters: [1],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

it.each<[string, Message]>([
  [
    "AppendEntries term 3 prev (17,2) entries 18..20 commit 16",
    { ...envelope, type: "AppendEntries", logTerm: 2, index: 17, entries, commit: 16 },
  ],
  [
    "AppendEntries term 3 prev (17,2) entry 18 commit 16",
    {
      ...envelope,
      type: "AppendEntries",
      logTerm: 2,
      index: 17,
      entries: entries.slice(0, 1),
      commit: 16,
    },
  ],
  [
    "AppendEntries term 3 prev (17,2) commit 16",
    { ...envelope, type: "AppendEntries", logTerm: 2, index: 17, entries: [], commit: 16 },
  ],
  [
    "AppendEntriesResponse term 3 has 17",
    {
      ...envelope,
      type: "AppendEntriesResponse",
      logTerm: 2,
      index: 17,
      reject: false,
      rejectHint: 0,
    },
  ],
  [
    "AppendEntriesResponse term 3 rejects 17, hint (12,2)",
    {
      ...envelope,
      type: "AppendEntriesResponse",
      logTerm: 2,
      index: 17,
      reject: true,
      rejectHint: 12,
    },
  ],
  [
    "RequestVote term 3 last (20,2) (transfer)",
    { ...envelope, type: "RequestVote", logTerm: 2, index: 20, transfer: true, priority: 0 },
  ],
  [
    "PreVote term 3 last (20,2)",
    { ...envelope, type: "PreVote", logTerm: 2, index: 20, transfer: false, priority: 0 },
  ],
  ["PreVoteResponse term 3 grants", { ...envelope, type: "PreVoteResponse", reject: false }],
  [
    "RequestVoteResponse term 3 rejects",
    { ...envelope, type: "RequestVoteResponse", reject: true },
  ],
  [
    "InstallSnapshot term 3 at (9,2)",
    {
      ...envelope,
      type: "InstallSnapshot",
      snapshot: { metadata: { index: 9, term: 2, confState }, data: new Uint8Array(0) },
    },
  ],
  ["Heartbeat term 3 commit 16", { ...envelope, type: "Heartbeat", commit: 16, readToken: "" }],
  [
    "HeartbeatResponse term 3 read 1-2",
    { ...envelope, type: "HeartbeatResponse", readToken: "1-2" },
  ],
  ["ReadIndex read 1-2", { ...envelope, term: 0, type: "ReadIndex", readToken: "1-2" }],
  [
    "ReadIndexResponse term 3 index 16 read 1-2",
    { ...envelope, type: "ReadIndexResponse", index: 16, readToken: "1-2" },
  ],
  ["Propose 3 entries", { ...envelope, term: 0, type: "Propose", entries }],
  ["TimeoutNow term 3", { ...envelope, type: "TimeoutNow" }],
  ["TransferLeader term 3 to 1", { ...envelope, type: "TransferLeader" }],
])("%s", (text, message) => {
  expect(messagesText([message])).toBe(text);
  expect(messagesText([message, message])).toBe(`${text}; ${text}`);
});

it("traces every frame with what became of it", async () => {
  const bench = new Bench(1, { traced: true });
  const [near] = await bench.pair();
  near.connection.write([frame(5, Buffer.alloc(0)), numbered(7)]);
  bench.network.faults.everyLink({ lossProbability: 1 });
  near.connection.write([numbered(8)]);
  bench.network.faults.everyLink({ lossProbability: 0, duplicateProbability: 1 });
  near.connection.write([numbered(9)]);
  bench.network.isolate(1);
  near.connection.write([numbered(10)]);
  const seen = bench.trace.map(({ text, arrivesAt }) => [
    text,
    arrivesAt === undefined || arrivesAt === Infinity ? arrivesAt : "arrives",
  ]);
  expect(seen).toEqual([
    ["snapshotBegin", "arrives"],
    ["Heartbeat term 3 commit 7", "arrives"],
    ["Heartbeat term 3 commit 8", undefined],
    ["Heartbeat term 3 commit 9", "arrives"],
    ["Heartbeat term 3 commit 9 [duplicate]", "arrives"],
    ["Heartbeat term 3 commit 10", Infinity],
  ]);
  for (const { at, kind, node, to } of bench.trace) {
    expect([at, kind, node, to]).toEqual([bench.world.now, "message", 1, 2]);
  }
});
