// Section B of the traps that others fell into: reads and leases.
import { expect, test } from "vitest";
import type { Message, NodeId, RaftConfig } from "../src/index.ts";
import { Cluster, START } from "./cluster.ts";

const THREE = [1, 2, 3];
const LEASE: Partial<RaftConfig> = { readMode: "lease", checkQuorum: true };

/** A group led by 1 that has taken a round of heartbeats, and with it a lease where reads are by lease. */
function led(settings: Partial<RaftConfig> = {}, voters: readonly NodeId[] = THREE): Cluster {
  const cluster = new Cluster({ voters, settings });
  cluster.elect(1);
  cluster.tick(1);
  cluster.settle();
  return cluster;
}

function isHeartbeatPart({ type }: Message): boolean {
  return type === "Heartbeat" || type === "HeartbeatResponse";
}

test("trap 15: a new leader answers no read before it has committed an entry of its term", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  // 2 holds "a" but does not know that it is committed, and acknowledged to some client.
  cluster.restart(2);
  const early = cluster.member(2).storage;
  early.setHardState({ ...early.initialState().hardState, commit: START });
  cluster.restart(2);
  cluster.isolate(1);
  cluster.node(2).campaign();
  cluster.lost = ({ from, to, type }) => from === 1 || to === 1 || type === "AppendEntriesResponse";
  cluster.settle();
  expect(cluster.leader() === 2 || cluster.node(2).basicStatus().role === "leader").toBe(true);
  const token = cluster.read(2);
  cluster.tick(2);
  cluster.settle();
  expect(cluster.answer(2, token)).toBeUndefined();
  cluster.isolate(1);
  cluster.tick(2);
  cluster.settle();
  expect(cluster.answer(2, token)).toBe(START + 3);
});

test("trap 15: that holds for a group of one, whose commit index may be lost in a crash", () => {
  const cluster = new Cluster({ voters: [1], settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  const { storage } = cluster.member(1);
  storage.setHardState({ ...storage.initialState().hardState, commit: START });
  cluster.restart(1);
  cluster.node(1).campaign();
  cluster.handle(1);
  cluster.write(1);
  cluster.deliver();
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", commit: START });
  const token = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, token)).toBeUndefined();
  cluster.settle();
  expect(cluster.answer(1, token)).toBe(START + 3);
});

test("trap 16: tokens are unique over nodes and lives, whatever the callers do", () => {
  const cluster = new Cluster({ voters: THREE });
  const tokens = new Set<string>();
  for (let life = 0; life < 3; life += 1) {
    for (const id of THREE) {
      for (let i = 0; i < 10; i += 1) tokens.add(cluster.read(id));
      cluster.restart(id);
    }
  }
  expect(tokens.size).toBe(90);
});

test("trap 16: an answer to a round before the read confirms nothing", () => {
  const cluster = led();
  const first = cluster.read(1);
  cluster.handle(1);
  const held = cluster.network.filter(({ type, to }) => type === "Heartbeat" && to === 2);
  cluster.deliver();
  cluster.settle();
  expect(cluster.answer(1, first)).toBe(START + 1);
  // 2 answers the first round again, late; then 1 is cut off and takes another read.
  cluster.isolate(1);
  const second = cluster.read(1);
  cluster.settle();
  for (const message of held) cluster.step(message);
  const late = cluster.handle(2);
  expect(late.map(({ type }) => type)).toEqual(["HeartbeatResponse"]);
  for (const message of late) cluster.step(message);
  cluster.settle();
  expect(cluster.answer(1, second)).toBeUndefined();
});

test("trap 16: answers of an earlier leadership confirm nothing in a later one", () => {
  const cluster = led();
  cluster.read(1);
  cluster.handle(1);
  cluster.deliver(({ to }) => to === 2 || to === 3);
  const answers = [...cluster.handle(2), ...cluster.handle(3)];
  cluster.network = [];
  cluster.elect(2);
  cluster.elect(1);
  cluster.isolate(1);
  const token = cluster.read(1);
  for (const message of answers) cluster.step(message);
  // Also not when they are made to carry the term of today.
  for (const message of answers) cluster.step({ ...message, term: 3 });
  cluster.settle([1]);
  expect(cluster.answer(1, token)).toBeUndefined();
});

test("trap 16: a repeated request is answered with a state that is no older", () => {
  const cluster = led();
  const token = cluster.read(2);
  const [request] = cluster.handle(2);
  expect(request).toMatchObject({ type: "ReadIndex", to: 1, from: 2 });
  cluster.settle();
  cluster.propose(1, "a");
  cluster.settle();
  if (request !== undefined) cluster.step(request);
  cluster.settle();
  expect(cluster.member(2).reads).toEqual([
    { token, index: START + 1 },
    { token, index: START + 2 },
  ]);
});

test("trap 16: a follower ignores an answer to an earlier life of its own", () => {
  const cluster = led();
  cluster.read(2);
  cluster.handle(2);
  cluster.deliver(({ to }) => to === 1);
  cluster.handle(1);
  cluster.deliver(({ to }) => to === 3);
  cluster.handle(3);
  cluster.deliver(({ to }) => to === 1);
  const [answer] = cluster.handle(1).filter(({ type }) => type === "ReadIndexResponse");
  expect(answer).toMatchObject({ to: 2, index: START + 1 });
  cluster.restart(2);
  cluster.tick(1);
  cluster.settle();
  if (answer !== undefined) cluster.step(answer);
  cluster.settle();
  expect(cluster.member(2).reads).toEqual([]);
});

test("trap 17: a lease read during a transfer waits for a round of heartbeats", () => {
  const cluster = led(LEASE);
  const before = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, before)).toBe(START + 1);
  // The target lacks an entry, so that the transfer stays open.
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  cluster.propose(1, "a");
  cluster.settle();
  cluster.node(1).transferLeadership(3);
  const during = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, during)).toBeUndefined();
  cluster.settle();
  expect(cluster.answer(1, during)).toBe(START + 2);
});

test("trap 17: once a target was told to campaign, no lease holds in that term", () => {
  const cluster = led(LEASE);
  cluster.node(1).transferLeadership(3);
  const told = cluster.handle(1);
  expect(told).toMatchObject([{ type: "TimeoutNow", to: 3 }]);
  cluster.network = [];
  // The message is late; the transfer is given up, and heartbeats go on.
  for (let i = 0; i < 12; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", leadTransferee: 0 });
  // Now it arrives: 3 wins within everyone's lease, and 1 does not hear of it.
  cluster.isolate(1);
  for (const message of told) cluster.step(message);
  cluster.settle([2, 3]);
  expect(cluster.node(3).basicStatus().role).toBe("leader");
  const stale = cluster.read(1);
  cluster.settle([1]);
  expect(cluster.answer(1, stale)).toBeUndefined();
});

test("trap 17: what was forbidden in one term does not hold in a later one", () => {
  const cluster = led(LEASE);
  cluster.node(1).transferLeadership(3);
  cluster.settle();
  cluster.node(3).transferLeadership(1);
  cluster.settle();
  expect(cluster.leader()).toBe(1);
  cluster.tick(1);
  cluster.settle();
  const token = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, token)).toBe(START + 3);
});

test("trap 17: voidLease sends reads through a round, and the next round renews the lease", () => {
  const cluster = led(LEASE);
  cluster.node(1).voidLease();
  const waits = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, waits)).toBeUndefined();
  cluster.settle();
  expect(cluster.answer(1, waits)).toBe(START + 1);
  const atOnce = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, atOnce)).toBe(START + 1);
});

test("trap 17: a round that was under way when the lease was voided does not renew it", () => {
  const cluster = led(LEASE);
  cluster.tick(1);
  cluster.handle(1);
  cluster.node(1).voidLease();
  cluster.settle();
  const token = cluster.read(1);
  cluster.handle(1);
  expect(cluster.answer(1, token)).toBeUndefined();
});

test("trap 17: a lease ends before any follower may vote again, and counts from the sending", () => {
  const cluster = led(LEASE);
  // A round leaves, and its answers take five ticks.
  cluster.tick(1);
  cluster.handle(1);
  cluster.deliver(({ to }) => to !== 1);
  cluster.handle(2);
  cluster.handle(3);
  const answers = cluster.network.filter(isHeartbeatPart);
  cluster.lost = isHeartbeatPart;
  cluster.tick(1, 5);
  cluster.settle();
  for (const message of answers) cluster.step(message);
  // 10 ticks of election timeout, less one for each side and one for drift: three more are left of eight.
  const holds = (): boolean => {
    const token = cluster.read(1);
    while (cluster.node(1).hasReady()) cluster.handle(1);
    cluster.network = [];
    return cluster.answer(1, token) !== undefined;
  };
  const held = [holds()];
  for (let i = 0; i < 4; i += 1) {
    cluster.tick(1);
    held.push(holds());
  }
  expect(held).toEqual([true, true, true, false, false]);
});

test("trap 17: a leader that hears nobody answers no lease read, long before it steps down", () => {
  const cluster = led(LEASE);
  cluster.isolate(1);
  cluster.tick(1, 9);
  expect(cluster.node(1).basicStatus().role).toBe("leader");
  const token = cluster.read(1);
  cluster.settle([1]);
  expect(cluster.answer(1, token)).toBeUndefined();
});

test("trap 17: a follower that restarts keeps the promise that it has forgotten", () => {
  const cluster = led(LEASE);
  // 3 has not heard of 1 for long; 2 has, and restarts.
  cluster.isolate(3);
  for (let i = 0; i < 30; i += 1) {
    cluster.tick(1);
    cluster.settle([1, 2]);
  }
  cluster.restart(2);
  cluster.isolate(1);
  cluster.node(3).campaign();
  cluster.settle([2, 3]);
  expect(cluster.node(3).basicStatus().role).toBe("candidate");
  expect(cluster.node(2).basicStatus().vote).toBe(1);
});

test("trap 18: the index of a read is taken before the round that confirms it", () => {
  const cluster = led();
  const token = cluster.read(1);
  cluster.handle(1);
  cluster.deliver(({ to }) => to === 2);
  const answers = cluster.handle(2);
  cluster.network = [];
  // Something is committed while the round is under way: the read is not told of it.
  cluster.propose(1, "later");
  cluster.settle();
  expect(cluster.node(1).basicStatus().commit).toBe(START + 2);
  for (const message of answers) cluster.step(message);
  cluster.settle();
  expect(cluster.answer(1, token)).toBe(START + 1);
});

test("trap 19: a node that has just restarted answers no read from what it has", () => {
  const cluster = led();
  cluster.propose(1, "a");
  cluster.settle();
  for (const id of THREE) cluster.restart(id);
  const tokens = THREE.map((id) => cluster.read(id));
  cluster.settle();
  expect(THREE.map((id, i) => cluster.answer(id, tokens[i] ?? ""))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  cluster.elect(2);
  const token = cluster.read(1);
  cluster.settle();
  expect(cluster.answer(1, token)).toBe(START + 3);
});

test("trap 20: a follower is told the leader's index, which it may not have applied yet", () => {
  const cluster = led();
  cluster.propose(1, "a");
  // 3 learns neither of the entry nor of its commit.
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  cluster.settle();
  const token = cluster.read(3);
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  cluster.settle();
  expect(cluster.answer(3, token)).toBe(START + 2);
  expect(cluster.node(3).basicStatus().applied).toBe(START + 1);
});

test("trap 20: a learner's read goes through the leader as well", () => {
  const cluster = new Cluster({ voters: THREE, learners: [4] });
  cluster.elect(1);
  const token = cluster.read(4);
  cluster.settle();
  expect(cluster.answer(4, token)).toBe(START + 1);
});

test("trap 21: reads of a leader that loses its office are answered never, and leave nothing behind", () => {
  const cluster = led();
  cluster.lost = isHeartbeatPart;
  const lost = [cluster.read(1), cluster.read(1), cluster.read(2)];
  cluster.settle();
  cluster.heal();
  cluster.elect(2);
  cluster.elect(1);
  for (let i = 0; i < 5; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(lost.map((token) => cluster.answer(1, token) ?? cluster.answer(2, token))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  // A new read is answered once, without any of the old ones.
  const token = cluster.read(1);
  cluster.settle();
  expect(cluster.member(1).reads.filter((read) => read.token === token)).toHaveLength(1);
  expect(cluster.member(1).reads.filter((read) => lost.includes(read.token))).toEqual([]);
});

test("trap 21: reads that wait for the first commit of a term end with the term", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(2);
  cluster.lost = ({ type }) => type === "AppendEntriesResponse";
  cluster.elect(1);
  const lost = cluster.read(1);
  cluster.settle();
  cluster.heal();
  cluster.elect(2);
  cluster.elect(1);
  expect(cluster.member(1).reads).toEqual([]);
  const token = cluster.read(1);
  cluster.settle();
  expect(cluster.member(1).reads.map((read) => read.token)).toEqual([token]);
  expect(token).not.toBe(lost);
});

test("trap 21: one round confirms every read before it, in order, each once", () => {
  const cluster = led();
  const tokens = [cluster.read(1), cluster.read(1), cluster.read(1)];
  // Only the last round gets through.
  cluster.lost = (message) => message.type === "Heartbeat" && message.readToken !== tokens[2];
  cluster.settle();
  expect(cluster.member(1).reads.map(({ token }) => token)).toEqual(tokens);
});
