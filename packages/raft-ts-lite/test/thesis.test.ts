// One test for each sentence that prescribes behaviour, in "Consensus: Bridging Theory and Practice" (the thesis), and
// in section 7 of the paper: transfer, membership, snapshots, clients, pre-vote, performance.
import { expect, test } from "vitest";
import type { ConfChange, Message, NodeId } from "../src/index.ts";
import { acknowledgement, bytes, Cluster, refusal, START, START_TERM } from "./cluster.ts";

const THREE = [1, 2, 3];

const add = (nodeId: number): ConfChange => ({ kind: "AddVoter", nodeId });
const remove = (nodeId: number): ConfChange => ({ kind: "Remove", nodeId });

/** Saves a snapshot at `id`, of all it has applied, and drops the log before. */
function compact(cluster: Cluster, id: NodeId): number {
  const { storage, node } = cluster.member(id);
  const { applied } = node.basicStatus();
  storage.createSnapshot(applied, node.status().config, bytes("state"));
  storage.compact(applied);
  return applied;
}

function typesTo(messages: readonly Message[], to: NodeId): string[] {
  return messages.filter((message) => message.to === to).map(({ type }) => type);
}

test("thesis 3.10: a leader that hands over stops taking client requests", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).transferLeadership(2);
  expect(refusal(() => cluster.propose(1, "a"))).toBe("PROPOSAL_DROPPED");
});

test("thesis 3.10: it brings the target's log up to its own before it sends TimeoutNow", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.handle(1);
  cluster.node(1).transferLeadership(2);
  const before = cluster.handle(1);
  expect(typesTo(before, 2)).not.toContain("TimeoutNow");
  cluster.step(acknowledgement(2, 1, 1, START + 2));
  expect(typesTo(cluster.handle(1), 2)).toContain("TimeoutNow");
});

test("thesis 3.10: the target campaigns at once, without pre-vote, and voters answer inside the lease", () => {
  const settings = { preVote: true, checkQuorum: true };
  const cluster = new Cluster({ voters: THREE, settings });
  cluster.elect(1);
  cluster.node(1).transferLeadership(2);
  cluster.sent = [];
  cluster.settle();
  expect(cluster.node(2).basicStatus()).toMatchObject({ role: "leader", term: 2 });
  expect(cluster.sent.some(({ type }) => type === "PreVote")).toBe(false);
});

test("thesis 3.10: if it has not happened after an election timeout, the leader takes requests again", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(2);
  cluster.node(1).transferLeadership(2);
  cluster.tick(1, 9);
  expect(refusal(() => cluster.propose(1, "a"))).toBe("PROPOSAL_DROPPED");
  cluster.tick(1);
  expect(refusal(() => cluster.propose(1, "a"))).toBeUndefined();
});

test("thesis 4.1: only one member at a time is added or removed without a joint configuration", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(4));
  expect(refusal(() => cluster.node(1).proposeConfChange(add(5)))).toBe("CONF_CHANGE_REFUSED");
});

test("thesis 4.2.1: a new member joins without a vote until it has caught up", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.add(4, false);
  cluster.elect(1);
  cluster.node(1).proposeConfChange({ kind: "AddLearner", nodeId: 4 });
  // It need not answer for anything to be committed: two of three do.
  cluster.isolate(3, 4);
  cluster.settle([1, 2]);
  cluster.propose(1, "a");
  cluster.settle([1, 2]);
  expect(cluster.texts(2)).toEqual(["a"]);
  cluster.heal();
  cluster.node(1).reportSnapshot(4, "failed");
  for (let i = 0; i < 3; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.node(4).basicStatus()).toMatchObject({ isLearner: true, commit: START + 3 });
});

test("thesis 4.2.1: acknowledgements of learners commit nothing, and they do not campaign", () => {
  const cluster = new Cluster({ voters: THREE, learners: [4, 5] });
  cluster.elect(1);
  cluster.isolate(2, 3);
  cluster.propose(1, "a");
  cluster.settle();
  expect(cluster.node(1).status().progress.get(4)?.match).toBe(START + 2);
  expect(cluster.node(1).basicStatus().commit).toBe(START + 1);
  cluster.tick(4, 100);
  expect(cluster.node(4).basicStatus().role).toBe("follower");
});

test("thesis 4.2.2: a leader that removes itself leads until the change is committed, and steps down then", () => {
  const cluster = new Cluster({ voters: THREE, settings: { stepDownOnRemoval: true } });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(remove(1));
  cluster.handle(1);
  expect(cluster.node(1).basicStatus().role).toBe("leader");
  cluster.settle();
  expect(cluster.node(1).basicStatus().role).toBe("follower");
  cluster.elect(2);
  cluster.propose(2, "a");
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a"]);
});

test("thesis 4.2.3: a server that hears of a current leader neither votes nor changes its term", () => {
  const cluster = new Cluster({ voters: THREE, settings: { checkQuorum: true } });
  cluster.elect(1);
  const request = { type: "RequestVote", from: 3, term: 9, index: START + 9 } as const;
  const rest = { logTerm: 9, transfer: false, priority: 0 };
  cluster.step({ ...request, ...rest, to: 1 });
  cluster.step({ ...request, ...rest, to: 2 });
  expect(cluster.node(1).basicStatus()).toMatchObject({ term: 1, role: "leader" });
  expect(cluster.node(2).basicStatus()).toMatchObject({ term: 1, vote: 1 });
  cluster.tick(2, 10);
  cluster.step({ ...request, ...rest, to: 2 });
  expect(cluster.node(2).basicStatus()).toMatchObject({ term: 9, vote: 3 });
});

test("thesis 4.3: in a joint configuration, entries go to all members of both, and need both majorities", () => {
  const cluster = new Cluster({ voters: THREE });
  for (const id of [4, 5]) cluster.add(id, false);
  cluster.elect(1);
  const changes = [remove(2), remove(3), add(4), add(5)];
  cluster.node(1).proposeConfChange({ transition: "explicit", changes });
  cluster.settle();
  expect(cluster.node(1).status().config).toMatchObject({
    voters: [1, 4, 5],
    votersOutgoing: THREE,
  });
  const { commit } = cluster.node(1).basicStatus();
  cluster.propose(1, "a");
  const targets = new Set(cluster.handle(1).map(({ to }) => to));
  expect(targets).toEqual(new Set([2, 3, 4, 5]));
  for (const from of [2, 3]) cluster.step(acknowledgement(from, 1, 1, commit + 1));
  expect(cluster.node(1).basicStatus().commit).toBe(commit);
  cluster.step(acknowledgement(5, 1, 1, commit + 1));
  expect(cluster.node(1).basicStatus().commit).toBe(commit + 1);
});

test("thesis 4.3: any member of either configuration may lead, and elections need both majorities", () => {
  const cluster = new Cluster({ voters: THREE });
  for (const id of [4, 5]) cluster.add(id, false);
  cluster.elect(1);
  const changes = [remove(2), remove(3), add(4), add(5)];
  cluster.node(1).proposeConfChange({ transition: "explicit", changes });
  cluster.settle();
  // 2 leaves with this change and yet may lead in its course; without 4 and 5 it cannot win.
  cluster.isolate(4, 5);
  cluster.node(2).campaign();
  cluster.settle();
  expect(cluster.node(2).basicStatus().role).toBe("candidate");
  cluster.heal();
  cluster.elect(2);
  cluster.node(2).proposeConfChange({ transition: "auto", changes: [] });
  cluster.settle();
  expect(cluster.node(4).status().config).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [] });
});

test("thesis 4.3: the joint configuration is left as soon as it is committed, by a new leader if need be", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const changes = [remove(3)];
  cluster.node(1).proposeConfChange({ transition: "implicit", changes });
  // 1 dies when the change is committed and before anyone knows.
  cluster.handle(1);
  cluster.deliver();
  cluster.isolate(1);
  for (const id of [2, 3]) cluster.handle(id);
  cluster.network = [];
  cluster.elect(2);
  // {1, 2} and {1, 2, 3} both need 1 or 2 of them: 2 alone is no majority of {1, 2}.
  expect(cluster.node(2).status().config.votersOutgoing).toEqual(THREE);
  cluster.heal();
  cluster.tick(2);
  cluster.settle();
  expect(cluster.node(1).status().config).toMatchObject({ voters: [1, 2], votersOutgoing: [] });
});

test("paper 7: a leader sends a snapshot when it has discarded the next entry of a follower", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(3);
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.settle();
  const index = compact(cluster, 1);
  cluster.heal();
  cluster.sent = [];
  cluster.tick(1);
  cluster.settle();
  const snapshots = cluster.sent.filter(({ type }) => type === "InstallSnapshot");
  expect(snapshots).toMatchObject([{ to: 3, snapshot: { metadata: { index } } }]);
  expect(cluster.node(3).basicStatus()).toMatchObject({ commit: index, applied: index });
  cluster.propose(1, "d");
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["d"]);
});

test("paper 7: a snapshot with new information replaces the whole log of the follower", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(3);
  // 3 has entries that nobody else has, of a term that the others pass only with their second election.
  cluster.node(3).step({
    ...{ type: "AppendEntries", from: 2, to: 3, term: 2, index: START, logTerm: START_TERM },
    entries: [1, 2, 3, 4, 5].map((i) => ({
      ...{ type: "Normal", term: 2, index: START + i },
      data: bytes("x"),
    })),
    commit: START,
  });
  cluster.settle([3]);
  cluster.network = [];
  cluster.elect(2);
  cluster.elect(1);
  for (const one of ["a", "b"]) cluster.propose(1, one);
  cluster.settle();
  const index = compact(cluster, 1);
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(3).basicStatus()).toMatchObject({ lastIndex: index, commit: index });
  expect(cluster.log(3)).toEqual([]);
});

test("paper 7: a snapshot of a prefix of the log keeps the entries behind it", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  for (const one of ["a", "b"]) cluster.propose(1, one);
  cluster.lost = ({ type }) => type === "AppendEntriesResponse";
  cluster.settle();
  expect(cluster.node(3).basicStatus().commit).toBe(START + 1);
  const { config } = cluster.node(1).status();
  const metadata = { index: START + 2, term: 1, confState: config };
  const snapshot = { metadata, data: bytes("state") };
  cluster.step({ type: "InstallSnapshot", from: 1, to: 3, term: 1, snapshot });
  cluster.settle([3]);
  expect(cluster.log(3)).toEqual(["1/11", "1/12", "1/13"]);
});

test("paper 7: while a snapshot is under way nothing else is sent; its failure lets the leader try again", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(3);
  for (const one of ["a", "b"]) cluster.propose(1, one);
  cluster.settle();
  compact(cluster, 1);
  cluster.heal();
  cluster.lost = ({ type }) => type === "InstallSnapshot";
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(1).status().progress.get(3)).toMatchObject({ state: "snapshot" });
  cluster.sent = [];
  cluster.propose(1, "c");
  cluster.tick(1);
  cluster.settle();
  expect(typesTo(cluster.sent, 3)).not.toContain("AppendEntries");
  cluster.node(1).reportSnapshot(3, "failed");
  cluster.heal();
  for (let i = 0; i < 2; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.texts(3)).toEqual(["c"]);
});

test("thesis 6.2: a leader steps down if an election timeout passes without a round to a majority", () => {
  const cluster = new Cluster({ voters: THREE, settings: { checkQuorum: true } });
  cluster.elect(1);
  cluster.isolate(1);
  cluster.tick(1, 20);
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "follower", leader: 0, term: 1 });
});

test("thesis 6.2: a follower passes requests to its leader, and drops them when it knows none", () => {
  const cluster = new Cluster({ voters: THREE });
  expect(refusal(() => cluster.propose(2, "a"))).toBe("PROPOSAL_DROPPED");
  cluster.elect(1);
  cluster.propose(2, "a");
  expect(cluster.handle(2)).toMatchObject([{ type: "Propose", from: 2, to: 1, term: 0 }]);
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a"]);
});

test("thesis 6.4: a read needs an entry of the leader's term committed, the commit index, and a round", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const token = cluster.read(1);
  const round = cluster.handle(1);
  expect(round).toMatchObject([
    { type: "Heartbeat", to: 2, readToken: token },
    { type: "Heartbeat", to: 3, readToken: token },
  ]);
  expect(cluster.answer(1, token)).toBeUndefined();
  cluster.step({ type: "HeartbeatResponse", from: 3, to: 1, term: 1, readToken: token });
  cluster.handle(1);
  expect(cluster.answer(1, token)).toBe(START + 1);
});

test("thesis 6.4: one round serves all reads that have gathered", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const tokens = [cluster.read(1), cluster.read(1), cluster.read(1)];
  cluster.handle(1);
  const readToken = tokens[2] ?? "";
  cluster.step({ type: "HeartbeatResponse", from: 2, to: 1, term: 1, readToken });
  cluster.handle(1);
  expect(cluster.member(1).reads.map(({ token }) => token)).toEqual(tokens);
});

test("thesis 6.4: a follower asks the leader for a read index", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const token = cluster.read(3);
  expect(cluster.handle(3)).toMatchObject([{ type: "ReadIndex", from: 3, to: 1 }]);
  cluster.settle();
  expect(cluster.answer(3, token)).toBe(START + 1);
});

test("thesis 6.4.1: inside the lease, a leader answers reads without a message", () => {
  const settings = { checkQuorum: true, readMode: "lease" } as const;
  const cluster = new Cluster({ voters: THREE, settings });
  cluster.elect(1);
  cluster.tick(1);
  cluster.settle();
  const token = cluster.read(1);
  expect(cluster.handle(1)).toEqual([]);
  expect(cluster.answer(1, token)).toBe(START + 1);
});

test("thesis 9.6: a pre-candidate raises its term only when a majority would vote for it", () => {
  const cluster = new Cluster({ voters: THREE, settings: { preVote: true } });
  cluster.node(1).campaign();
  expect(cluster.handle(1)).toMatchObject([
    { type: "PreVote", to: 2, term: 1 },
    { type: "PreVote", to: 3, term: 1 },
  ]);
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "preCandidate", term: 0, vote: 0 });
  cluster.step({ type: "PreVoteResponse", from: 2, to: 1, term: 1, reject: false });
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "candidate", term: 1, vote: 1 });
});

test("thesis 9.6: a server grants a pre-vote only to an up-to-date log, and changes nothing by it", () => {
  const cluster = new Cluster({ voters: THREE, settings: { preVote: true } });
  const request = {
    type: "PreVote",
    from: 2,
    to: 1,
    term: 5,
    transfer: false,
    priority: 0,
  } as const;
  cluster.step({ ...request, index: START, logTerm: START_TERM });
  cluster.step({ ...request, index: START - 1, logTerm: START_TERM });
  expect(cluster.handle(1)).toMatchObject([
    { type: "PreVoteResponse", reject: false, term: 5 },
    { type: "PreVoteResponse", reject: true, term: 0 },
  ]);
  expect(cluster.node(1).basicStatus()).toMatchObject({ term: 0, vote: 0 });
});

test("thesis 9.6: a partitioned server that comes back with pre-vote disturbs nobody", () => {
  const settings = { preVote: true, checkQuorum: true };
  const cluster = new Cluster({ voters: THREE, settings });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.tick(3, 200);
  cluster.settle();
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", term: 1 });
  expect(cluster.node(3).basicStatus()).toMatchObject({ leader: 1, term: 1 });
});

test("thesis 10.2.1: a leader sends entries to its followers in parallel with its own write", () => {
  const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  cluster.propose(1, "a");
  const sent = cluster.handle(1);
  expect(typesTo(sent, 2)).toEqual(["AppendEntries"]);
  expect(cluster.member(1).appends).toHaveLength(1);
});

test("thesis 10.2.1: it may commit an entry before it has written it itself, if a majority of others has", () => {
  const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.handle(1);
  for (const from of [2, 3]) cluster.step(acknowledgement(from, 1, 1, START + 2));
  expect(cluster.node(1).basicStatus().commit).toBe(START + 2);
  // But it applies nothing that it could lose.
  cluster.handle(1);
  expect(cluster.member(1).applies).toEqual([]);
  cluster.settle();
  expect(cluster.texts(1)).toEqual(["a"]);
});

test("thesis 10.2.2: appends are pipelined, up to a limit, without waiting for answers", () => {
  const cluster = new Cluster({ voters: THREE, settings: { maxInflightMessages: 4 } });
  cluster.elect(1);
  for (let i = 0; i < 10; i += 1) cluster.propose(1, `${i}`);
  const sent = cluster.handle(1);
  expect(typesTo(sent, 2)).toEqual(new Array(4).fill("AppendEntries"));
  expect(cluster.node(1).status().progress.get(2)).toMatchObject({ next: START + 6, inflight: 4 });
  cluster.settle();
  expect(cluster.texts(2)).toHaveLength(10);
});

test("thesis 10.2.2: batching: entries that gather while a follower is busy go in one message", () => {
  const cluster = new Cluster({
    voters: THREE,
    settings: { maxInflightMessages: 1, maxEntriesPerMessage: 5 },
  });
  cluster.elect(1);
  for (let i = 0; i < 12; i += 1) cluster.propose(1, `${i}`);
  cluster.sent = [];
  cluster.settle();
  const counts = cluster.sent.flatMap((message) =>
    message.type === "AppendEntries" && message.to === 2 && message.entries.length > 0
      ? [message.entries.length]
      : [],
  );
  expect(counts).toEqual([1, 5, 5, 1]);
});
