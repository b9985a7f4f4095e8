// Section C of the traps that others fell into: elections.
import { expect, test } from "vitest";
import { RawNode, type Message, type NodeId, type RaftConfig } from "../src/index.ts";
import { append, bytes, Cluster, prng, refusal, START, START_TERM } from "./cluster.ts";

const THREE = [1, 2, 3];
const CAREFUL: Partial<RaftConfig> = { preVote: true, checkQuorum: true };

/** Ticks everyone in step, delivering in between, until all of `ids` follow one of them. */
function converge(cluster: Cluster, ids: readonly NodeId[], ticks = 200): NodeId {
  for (let i = 0; i < ticks; i += 1) {
    for (const id of ids) cluster.tick(id);
    cluster.settle();
    const leaders = new Set(ids.map((id) => cluster.node(id).basicStatus().leader));
    const [leader = 0] = leaders;
    if (leaders.size === 1 && ids.includes(leader)) return leader;
  }
  return 0;
}

test.each([
  ["pre-vote at some", { 1: { preVote: true }, 2: {}, 3: { preVote: true } }],
  ["pre-vote at one with check-quorum", { 1: CAREFUL, 2: { checkQuorum: true }, 3: {} }],
])("trap 22: a group with %s elects a leader, whoever campaigned alone before", (_name, of) => {
  const cluster = new Cluster({ voters: THREE, of });
  cluster.elect(1);
  // 3 is cut off without an entry of the others, and raises its term again and again.
  cluster.isolate(3);
  cluster.propose(1, "a");
  for (let i = 0; i < 100; i += 1) {
    for (const id of THREE) cluster.tick(id);
    cluster.settle();
  }
  cluster.heal();
  // 1 is gone: only 2 and 3 are left, and 3 cannot win.
  cluster.isolate(1);
  expect(converge(cluster, [2, 3])).toBe(2);
  cluster.propose(2, "b");
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a", "b"]);
});

test("trap 22: a candidate of a higher term and a shorter log does not stop pre-votes of others", () => {
  const of = { 1: { preVote: true }, 2: { preVote: true } };
  const cluster = new Cluster({ voters: THREE, of });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.settle();
  for (let i = 0; i < 5; i += 1) {
    cluster.node(3).campaign();
    cluster.settle();
  }
  cluster.isolate(1);
  // 3 answers the pre-vote of a lower term, so that 2 learns the term that it must pass.
  cluster.node(2).campaign();
  cluster.settle();
  expect(cluster.node(2).basicStatus().term).toBeGreaterThan(4);
  cluster.node(2).campaign();
  cluster.settle();
  expect(cluster.node(2).basicStatus().role).toBe("leader");
});

test("trap 23: a leader that dies in the middle of a change is replaced, pre-vote or not", () => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.add(4, false);
  cluster.elect(1);
  const changes = [
    { kind: "AddVoter", nodeId: 4 },
    { kind: "Remove", nodeId: 2 },
  ] as const;
  cluster.node(1).proposeConfChange({ transition: "explicit", changes });
  cluster.settle();
  expect(cluster.node(3).status().config.votersOutgoing).toEqual(THREE);
  cluster.isolate(1);
  const leader = converge(cluster, [2, 3, 4]);
  expect([2, 3, 4]).toContain(leader);
  cluster.node(leader).proposeConfChange({ transition: "auto", changes: [] });
  cluster.settle();
  expect(cluster.node(3).status().config).toMatchObject({
    voters: [1, 3, 4],
    votersOutgoing: [],
  });
});

test("trap 23: it is replaced also when the change was committed and applied by nobody else", () => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  cluster.node(1).proposeConfChange({ kind: "Remove", nodeId: 1 });
  // 2 and 3 hold the change; only 1 learns that it is committed.
  cluster.handle(1);
  cluster.deliver();
  cluster.handle(2);
  cluster.handle(3);
  cluster.deliver();
  cluster.handle(1);
  cluster.network = [];
  expect(cluster.node(1).status().config.voters).toEqual([2, 3]);
  cluster.isolate(1);
  const leader = converge(cluster, [2, 3]);
  expect([2, 3]).toContain(leader);
  expect(cluster.node(2).status().config.voters).toEqual([2, 3]);
});

test.each(["PreVote", "RequestVote"] as const)(
  "trap 23: a %s is answered by the log of who asks, member or not: the change may not be applied here yet",
  (type) => {
    const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
    const ask = { term: 2, index: START, logTerm: START_TERM, transfer: false, priority: 0 };
    cluster.step({ ...ask, type, from: 4, to: 1 });
    const granted = { type: `${type}Response`, to: 4, term: 2, reject: false };
    expect(cluster.handle(1)).toMatchObject([granted]);
  },
);

test("trap 24: answers to a pre-vote that come after the victory change nothing", () => {
  const cluster = new Cluster({ voters: THREE, settings: { preVote: true } });
  cluster.node(1).campaign();
  cluster.settle([1, 2]);
  const { term, role } = cluster.node(1).basicStatus();
  expect(role).toBe("leader");
  const late = { type: "PreVoteResponse", from: 3, to: 1 } as const;
  for (const message of [
    { ...late, term, reject: false },
    { ...late, term: term - 1, reject: true },
    { ...late, term, reject: true },
    { ...late, term: term + 1, reject: false },
  ]) {
    cluster.step(message);
  }
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", term });
});

test("trap 24: a late pre-vote is no vote", () => {
  const cluster = new Cluster({ voters: [1, 2, 3, 4, 5], settings: { preVote: true } });
  cluster.node(1).campaign();
  cluster.lost = ({ type }) => type === "RequestVoteResponse";
  cluster.settle([1, 2, 3]);
  const { role, term } = cluster.node(1).basicStatus();
  expect(role).toBe("candidate");
  for (const from of [2, 3, 4, 5]) {
    cluster.step({ type: "PreVoteResponse", from, to: 1, term, reject: false });
  }
  expect(cluster.node(1).basicStatus().role).toBe("candidate");
});

test("trap 24: a rejected pre-vote of the round before does not lose the election of this one", () => {
  const cluster = new Cluster({ voters: THREE, settings: { preVote: true } });
  cluster.node(1).campaign();
  cluster.settle([1, 2]);
  cluster.node(2).campaign();
  const late: Message = { type: "PreVoteResponse", from: 3, to: 2, term: 1, reject: true };
  cluster.lost = ({ to, from }) => to === 3 || from === 3;
  cluster.settle();
  cluster.step(late);
  cluster.settle();
  expect(cluster.node(2).basicStatus().role).toBe("leader");
});

test.each([
  ["cannot send", (message: Message) => message.from === 3],
  ["cannot receive", (message: Message) => message.to === 3],
])("trap 25: a member that %s neither deposes nor starves the leader", (_name, lost) => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  const { term } = cluster.node(1).basicStatus();
  cluster.lost = lost;
  for (let i = 0; i < 200; i += 1) {
    for (const id of THREE) cluster.tick(id);
    cluster.settle();
    expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", term });
  }
  cluster.propose(1, "a");
  cluster.settle();
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(3).basicStatus()).toMatchObject({ leader: 1, term });
  expect(cluster.texts(3)).toEqual(["a"]);
});

test("trap 25: a leader that can send and hears nothing steps down, so that others can lead", () => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  cluster.lost = ({ to, from }) => to === 1 && from !== 1;
  for (let i = 0; i < 25; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(cluster.node(1).basicStatus().role).toBe("follower");
  expect([2, 3]).toContain(converge(cluster, [2, 3]));
});

test("trap 25: a member with a term of its own is freed by the answer to the leader's heartbeat", () => {
  const cluster = new Cluster({ voters: THREE, settings: { checkQuorum: true } });
  cluster.elect(1);
  cluster.isolate(3);
  for (let i = 0; i < 100; i += 1) {
    for (const id of THREE) cluster.tick(id);
    cluster.settle();
  }
  const { term } = cluster.node(3).basicStatus();
  expect(term).toBeGreaterThan(1);
  cluster.heal();
  const leader = converge(cluster, THREE);
  expect(leader).not.toBe(0);
  cluster.propose(leader, "a");
  cluster.settle();
  expect(THREE.map((id) => cluster.texts(id))).toEqual([["a"], ["a"], ["a"]]);
});

test.each([
  ["dead", (cluster: Cluster) => cluster.isolate(3)],
  [
    "behind",
    (cluster: Cluster) => {
      cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
    },
  ],
])("trap 26: a transfer to a %s member ends within an election timeout", (_name, harm) => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  harm(cluster);
  cluster.propose(1, "a");
  cluster.settle();
  cluster.node(1).transferLeadership(3);
  cluster.settle();
  expect(refusal(() => cluster.propose(1, "b"))).toBe("PROPOSAL_DROPPED");
  for (let i = 0; i < 10; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  cluster.propose(1, "c");
  cluster.settle();
  expect(cluster.texts(2)).toEqual(["a", "c"]);
});

test("trap 26: a transfer to a member that is removed meanwhile ends with its removal", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.node(1).proposeConfChange({ kind: "Remove", nodeId: 3 });
  cluster.handle(1);
  cluster.node(1).transferLeadership(3);
  expect(cluster.node(1).basicStatus().leadTransferee).toBe(3);
  cluster.settle([1, 2]);
  expect(cluster.node(1).basicStatus().leadTransferee).toBe(0);
  cluster.propose(1, "a");
  cluster.settle([1, 2]);
  expect(cluster.texts(2)).toEqual(["a"]);
});

test.each([
  ["a stranger", 9],
  ["a learner", 4],
  ["the leader itself", 1],
])("trap 26: a transfer to %s is not begun", (_name, target) => {
  const cluster = new Cluster({ voters: THREE, learners: [4] });
  cluster.elect(1);
  cluster.node(1).transferLeadership(target);
  expect(cluster.node(1).basicStatus().leadTransferee).toBe(0);
  cluster.propose(1, "a");
  cluster.settle();
  expect(cluster.texts(2)).toEqual(["a"]);
});

test("trap 26: a member that lags is brought up first, and then leads, inside everyone's lease", () => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.settle();
  cluster.heal();
  cluster.node(1).transferLeadership(3);
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(3).basicStatus()).toMatchObject({ role: "leader", term: 2 });
  expect(cluster.texts(3)).toEqual(["a", "b", "c"]);
});

test("trap 27: a removed member that never heard of it disturbs nobody", () => {
  const cluster = new Cluster({ voters: THREE, settings: CAREFUL });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.node(1).proposeConfChange({ kind: "Remove", nodeId: 3 });
  cluster.settle([1, 2]);
  expect(cluster.node(1).status().config.voters).toEqual([1, 2]);
  cluster.network = [];
  cluster.heal();
  const { term } = cluster.node(1).basicStatus();
  for (let i = 0; i < 300; i += 1) {
    for (const id of THREE) cluster.tick(id);
    cluster.settle();
    expect(cluster.node(1).basicStatus()).toMatchObject({ role: "leader", term });
  }
  expect(cluster.node(3).basicStatus().role).not.toBe("leader");
});

test("trap 27: without pre-vote, the lease alone keeps it out", () => {
  const cluster = new Cluster({ voters: THREE, settings: { checkQuorum: true } });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.node(1).proposeConfChange({ kind: "Remove", nodeId: 3 });
  cluster.settle([1, 2]);
  cluster.network = [];
  cluster.heal();
  for (let i = 0; i < 300; i += 1) {
    for (const id of THREE) cluster.tick(id);
    cluster.settle();
    expect(cluster.node(1).basicStatus().role).toBe("leader");
  }
  expect(cluster.node(3).basicStatus().term).toBeGreaterThan(3);
});

test("trap 28: groups that start together spread their campaigns over the whole range", () => {
  const first = new Map<number, number>();
  const random = prng(4242);
  for (let group = 0; group < 400; group += 1) {
    const cluster = new Cluster({ voters: THREE });
    const { storage } = cluster.member(1);
    const node = new RawNode({ id: 1, electionTicks: 10, heartbeatTicks: 1, storage, random });
    let ticks = 0;
    while (node.basicStatus().role === "follower") {
      node.tick();
      ticks += 1;
    }
    first.set(ticks, (first.get(ticks) ?? 0) + 1);
  }
  const ticks = [...first.keys()].sort((a, b) => a - b);
  expect(ticks).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  // Of 400, forty each on average; none may take more than twice its share.
  expect(Math.max(...first.values())).toBeLessThan(80);
});

test("trap 28: a lost election draws a new timeout", () => {
  const cluster = new Cluster({ voters: THREE });
  const seen = new Set<number>();
  const node = cluster.node(1);
  let last = 0;
  let { term } = node.basicStatus();
  for (let tick = 1; tick < 600; tick += 1) {
    node.tick();
    cluster.handle(1);
    if (node.basicStatus().term === term) continue;
    ({ term } = node.basicStatus());
    seen.add(tick - last);
    last = tick;
  }
  expect(seen.size).toBeGreaterThan(5);
});

test("a voter of higher priority stands against lower ones three times, and no longer", () => {
  const cluster = new Cluster({ voters: [1, 2], of: { 1: { priority: 5 } } });
  const roles: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    cluster.node(2).campaign();
    cluster.settle();
    roles.push(cluster.node(2).basicStatus().role);
  }
  expect(roles).toEqual(["follower", "follower", "follower", "leader"]);
});

test("priority never keeps out who holds more of the log", () => {
  const cluster = new Cluster({ voters: [1, 2], of: { 1: { priority: 5 } } });
  const terms = [1];
  cluster.step(append({ from: 1, to: 2, term: 1, index: START, logTerm: START_TERM, terms }));
  cluster.settle();
  cluster.elect(2);
  expect(cluster.node(2).basicStatus().role).toBe("leader");
});

test("a proposal of several entries is one append, and is taken or dropped as one", () => {
  const cluster = new Cluster({ voters: [1, 2], settings: { maxUncommittedBytes: 10 } });
  expect(refusal(() => cluster.node(1).proposeBatch([bytes("a")]))).toBe("PROPOSAL_DROPPED");
  cluster.elect(1);
  cluster.node(1).proposeBatch(["a", "b", "c"].map(bytes));
  const sent = cluster.handle(1).filter(({ type }) => type === "AppendEntries");
  expect(sent.map((message) => "entries" in message && message.entries.length)).toEqual([3]);
  expect(refusal(() => cluster.node(1).proposeBatch([bytes("12345"), bytes("678")]))).toBe(
    "PROPOSAL_DROPPED",
  );
  cluster.settle();
  expect(cluster.texts(2)).toEqual(["a", "b", "c"]);
});
