// The outer surface: configuration, refusals, modes.
import { expect, test } from "vitest";
import { MemoryLogStorage, RawNode, type RaftConfig } from "../src/index.ts";
import { APPEND_THREAD } from "../src/message.ts";
import { bytes, Cluster, prng, refusal, START } from "./cluster.ts";

function config(settings: Partial<RaftConfig>): RaftConfig {
  const storage = new MemoryLogStorage();
  return { id: 1, electionTicks: 10, heartbeatTicks: 1, storage, random: prng(1), ...settings };
}

test.each([
  ["id", { id: 0 }],
  ["id", { id: 1.5 }],
  ["electionTicks", { electionTicks: 1 }],
  ["electionTicks", { electionTicks: 5, heartbeatTicks: 5, maxElectionTicks: 6 }],
  ["maxElectionTicks", { maxElectionTicks: 10 }],
  ["heartbeatTicks", { heartbeatTicks: 0 }],
  ["incarnation", { incarnation: -1 }],
  ["priority", { priority: 0.5 }],
  ["maxMessageBytes", { maxMessageBytes: 0 }],
  ["maxInflightBytes", { maxMessageBytes: 100, maxInflightBytes: 50 }],
  ["checkQuorum", { readMode: "lease" }],
] as const)("a configuration with a wrong %s is refused", (name, settings) => {
  expect(() => new RawNode(config(settings))).toThrow(TypeError);
  expect(() => new RawNode(config(settings))).toThrow(name);
});

test("everything that is wrong is said at once", () => {
  const wrong = config({ id: 0, heartbeatTicks: 0, readMode: "lease" });
  expect(() => new RawNode(wrong)).toThrow(/id .*; heartbeatTicks .*; readMode/);
});

test("a node that belongs to no group waits, and answers", () => {
  const node = new RawNode(config({}));
  for (let i = 0; i < 100; i += 1) node.tick();
  node.campaign();
  expect(node.basicStatus()).toMatchObject({ role: "follower", term: 0 });
  expect(node.hasReady()).toBe(false);
  expect(refusal(() => node.propose(bytes("a")))).toBe("PROPOSAL_DROPPED");
});

test("what only this node may say is refused from others, and answers of strangers are", () => {
  const cluster = new Cluster({ voters: [1, 2, 3] });
  const node = cluster.node(1);
  expect(refusal(() => node.step({ type: "Campaign", from: 2, to: 1, term: 0 }))).toBe(
    "LOCAL_MESSAGE",
  );
  const stranger = { type: "HeartbeatResponse", from: 9, to: 1, term: 1, readToken: "" } as const;
  expect(refusal(() => node.step(stranger))).toBe("PEER_NOT_FOUND");
  const noTerm = { type: "Heartbeat", from: 2, to: 1, term: 0, commit: 0, readToken: "" } as const;
  expect(refusal(() => node.step(noTerm))).toBe("INVALID_MESSAGE");
  expect(node.hasReady()).toBe(false);
});

test("modes are kept apart: no second Ready before advance, no advance in asynchronous mode", () => {
  const cluster = new Cluster({ voters: [1, 2, 3] });
  cluster.node(1).campaign();
  cluster.node(1).ready();
  expect(() => cluster.node(1).ready()).toThrow(/before advance/);
  const other = new Cluster({ voters: [1], settings: { asyncStorageWrites: true } });
  expect(() => {
    other.node(1).advance();
  }).toThrow(/asynchronous/);
});

test("a status shows the group, and the progress of each member at its leader only", () => {
  const cluster = new Cluster({ voters: [1, 2], learners: [3] });
  cluster.elect(1);
  const status = cluster.node(1).status();
  expect(status.config).toMatchObject({ voters: [1, 2], learners: [3] });
  expect([...status.progress.keys()]).toEqual([1, 2, 3]);
  expect(status.progress.get(3)).toMatchObject({ isLearner: true, match: START + 1 });
  expect(cluster.node(2).status().progress.size).toBe(0);
});

test("a group of one commits in asynchronous mode as soon as its write is done", () => {
  const cluster = new Cluster({ voters: [1], settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.handle(1);
  const [write] = cluster.member(1).appends;
  expect(write).toMatchObject({ to: APPEND_THREAD, entries: [{ index: START + 2 }] });
  cluster.settle();
  expect(cluster.texts(1)).toEqual(["a"]);
});

test("no more is handed out than may be applied at once, and the rest follows", () => {
  const settings = { asyncStorageWrites: true, maxCommittedBytesPerReady: 40 };
  const cluster = new Cluster({ voters: [1], settings });
  cluster.elect(1);
  for (let i = 0; i < 10; i += 1) cluster.propose(1, "x".repeat(10));
  const sizes: number[] = [];
  for (let i = 0; i < 50; i += 1) {
    while (cluster.node(1).hasReady()) cluster.handle(1);
    while (cluster.write(1));
    cluster.deliver();
    while (cluster.node(1).hasReady()) cluster.handle(1);
    expect(cluster.member(1).applies.length).toBeLessThan(2);
    const [apply] = cluster.member(1).applies;
    if (apply !== undefined) sizes.push(apply.entries.length);
    cluster.applyNext(1);
  }
  // An entry of ten bytes takes eighteen.
  expect(sizes).toEqual([2, 2, 2, 2, 2]);
});
