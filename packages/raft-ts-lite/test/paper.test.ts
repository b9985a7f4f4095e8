// One test for each sentence that prescribes behaviour, in "In Search of an Understandable Consensus Algorithm"
// (extended version; "paper") as far as elections and the log go.
import { expect, test } from "vitest";
import type { Message, NodeId } from "../src/index.ts";
import { acknowledgement, append, Cluster, START, START_TERM } from "./cluster.ts";

const THREE = [1, 2, 3];
const FIVE = [1, 2, 3, 4, 5];

function requestVote(
  from: NodeId,
  to: NodeId,
  term: number,
  index: number,
  logTerm: number,
): Message {
  const fields = { transfer: false, priority: 0 };
  return { type: "RequestVote", from, to, term, index, logTerm, ...fields };
}

function heartbeat(from: NodeId, to: NodeId, term: number, commit = 0): Message {
  return { type: "Heartbeat", from, to, term, commit, readToken: "" };
}

/** What `id` answers to a request for its vote. */
function vote(cluster: Cluster, request: Message): boolean | undefined {
  cluster.step(request);
  const answers = cluster.node(request.to).hasReady() ? cluster.handle(request.to) : [];
  const answer = answers.find(({ type }) => type === "RequestVoteResponse");
  return answer !== undefined && "reject" in answer ? !answer.reject : undefined;
}

/** A follower whose log holds entries of these terms behind the start. */
function holding(terms: readonly number[], voters: readonly NodeId[] = THREE): Cluster {
  const cluster = new Cluster({ voters });
  const term = terms.at(-1) ?? START_TERM;
  cluster.step(append({ from: 2, to: 1, term, index: START, logTerm: START_TERM, terms }));
  cluster.settle([1]);
  cluster.network = [];
  cluster.sent = [];
  return cluster;
}

test("paper 5.1: each server stores a current term number, which increases monotonically", () => {
  const cluster = new Cluster({ voters: THREE });
  let before = 0;
  for (const term of [3, 1, 7, 2, 7]) {
    cluster.step(heartbeat(2, 1, term));
    const now = cluster.node(1).basicStatus().term;
    expect(now).toBe(Math.max(before, term));
    before = now;
  }
});

test.each([
  ["an append", (term: number) => append({ from: 2, to: 1, term, index: START, logTerm: 1 })],
  ["a heartbeat", (term: number) => heartbeat(2, 1, term)],
  ["a request for a vote", (term: number) => requestVote(2, 1, term, START, START_TERM)],
  ["an acknowledgement", (term: number) => acknowledgement(2, 1, term, START)],
])("paper 5.1: whoever sees a larger term, in %s, updates its own and follows", (_name, make) => {
  for (const role of ["candidate", "leader"]) {
    const cluster = new Cluster({ voters: THREE });
    if (role === "leader") cluster.elect(1);
    else cluster.node(1).campaign();
    cluster.step(make(9));
    expect(cluster.node(1).basicStatus()).toMatchObject({ role: "follower", term: 9 });
  }
});

test("paper 5.1: a request with a stale term number is rejected", () => {
  const cluster = holding([5]);
  expect(vote(cluster, requestVote(3, 1, 4, START + 9, 4))).not.toBe(true);
  cluster.step(append({ from: 3, to: 1, term: 4, index: START, logTerm: START_TERM, terms: [4] }));
  cluster.settle([1]);
  expect(cluster.log(1)).toEqual(["5/11"]);
  expect(cluster.node(1).basicStatus()).toMatchObject({ term: 5, leader: 2, vote: 0 });
});

test("paper 5.2: when servers start up, they begin as followers", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.restart(1);
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "follower", leader: 0 });
});

test("paper 5.2: a server remains a follower as long as it hears of a leader", () => {
  const cluster = new Cluster({ voters: THREE });
  for (let i = 0; i < 100; i += 1) {
    cluster.tick(1, 9);
    if (i % 2 === 0) cluster.step(heartbeat(2, 1, 1));
    else cluster.step(append({ from: 2, to: 1, term: 1, index: START, logTerm: START_TERM }));
  }
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "follower", term: 1, leader: 2 });
});

test("paper 5.2: leaders send periodic heartbeats to all followers", () => {
  const cluster = new Cluster({ voters: FIVE, settings: { heartbeatTicks: 3 } });
  cluster.elect(1);
  for (let round = 0; round < 4; round += 1) {
    const targets: NodeId[] = [];
    for (let tick = 0; tick < 3; tick += 1) {
      cluster.tick(1);
      if (!cluster.node(1).hasReady()) continue;
      targets.push(...cluster.handle(1).map(({ to }) => to));
    }
    expect(targets).toEqual([2, 3, 4, 5]);
  }
});

test("paper 5.2: a follower that hears nothing over the election timeout begins an election", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.node(1).setElectionTimeout(12);
  cluster.tick(1, 11);
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "follower", term: 0 });
  cluster.tick(1);
  expect(cluster.node(1).basicStatus().role).toBe("candidate");
});

test("paper 5.2: it increments its term, votes for itself and asks all others in parallel", () => {
  const cluster = new Cluster({ voters: FIVE });
  cluster.node(1).campaign();
  const requests = cluster.handle(1);
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "candidate", term: 1, vote: 1 });
  expect(requests.map(({ type, to }) => [type, to])).toEqual([
    ["RequestVote", 2],
    ["RequestVote", 3],
    ["RequestVote", 4],
    ["RequestVote", 5],
  ]);
});

test("paper 5.2: a candidate wins with the votes of a majority of the full cluster", () => {
  const cluster = new Cluster({ voters: FIVE });
  cluster.node(1).campaign();
  cluster.handle(1);
  const grant = { type: "RequestVoteResponse", to: 1, term: 1, reject: false } as const;
  cluster.step({ ...grant, from: 2 });
  // The same one twice is one vote.
  cluster.step({ ...grant, from: 2 });
  expect(cluster.node(1).basicStatus().role).toBe("candidate");
  cluster.step({ ...grant, from: 3 });
  expect(cluster.node(1).basicStatus().role).toBe("leader");
});

test("paper 5.2: votes for another term do not count", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.node(1).campaign();
  cluster.handle(1);
  cluster.node(1).campaign();
  cluster.handle(1);
  cluster.step({ type: "RequestVoteResponse", from: 2, to: 1, term: 1, reject: false });
  expect(cluster.node(1).basicStatus()).toMatchObject({ role: "candidate", term: 2 });
});

test("paper 5.2: each server votes for at most one candidate in a term, first come first served", () => {
  const cluster = new Cluster({ voters: THREE });
  expect(vote(cluster, requestVote(2, 1, 1, START, START_TERM))).toBe(true);
  expect(vote(cluster, requestVote(3, 1, 1, START, START_TERM))).toBe(false);
  // Asked again, it says the same.
  expect(vote(cluster, requestVote(2, 1, 1, START, START_TERM))).toBe(true);
  expect(vote(cluster, requestVote(3, 1, 2, START, START_TERM))).toBe(true);
});

test("paper 5.2: the vote survives a restart", () => {
  const cluster = new Cluster({ voters: THREE });
  expect(vote(cluster, requestVote(2, 1, 1, START, START_TERM))).toBe(true);
  cluster.restart(1);
  expect(cluster.node(1).basicStatus()).toMatchObject({ term: 1, vote: 2 });
  expect(vote(cluster, requestVote(3, 1, 1, START, START_TERM))).toBe(false);
});

test("paper 5.2: once it wins, it sends to all others, to establish its authority", () => {
  const cluster = new Cluster({ voters: FIVE });
  cluster.node(1).campaign();
  cluster.settle();
  const first = cluster.sent.filter(({ type }) => type === "AppendEntries").slice(0, 4);
  expect(first.map(({ to }) => to)).toEqual([2, 3, 4, 5]);
  for (const id of FIVE) expect(cluster.node(id).basicStatus().leader).toBe(1);
});

test.each([
  ["as large as its own", 1, "follower"],
  ["smaller than its own", 0, "candidate"],
])("paper 5.2: a candidate that hears a leader of a term %s is %s after", (_name, offset, role) => {
  const cluster = new Cluster({ voters: THREE });
  cluster.node(1).campaign();
  cluster.node(1).campaign();
  const { term } = cluster.node(1).basicStatus();
  cluster.step(append({ from: 2, to: 1, term: term - 1 + offset, index: START, logTerm: 1 }));
  expect(cluster.node(1).basicStatus()).toMatchObject({ role, term });
});

test("paper 5.2: when votes are split, each candidate times out and starts a new election", () => {
  const cluster = new Cluster({ voters: [1, 2, 3, 4] });
  cluster.node(1).campaign();
  cluster.node(2).campaign();
  cluster.handle(1);
  cluster.handle(2);
  cluster.deliver(({ from, to }) => (from === 1 && to === 3) || (from === 2 && to === 4));
  cluster.settle();
  for (const id of [1, 2]) {
    expect(cluster.node(id).basicStatus().role).not.toBe("leader");
  }
  for (let i = 0; i < 100 && cluster.leader() === 0; i += 1) {
    for (const id of cluster.ids) cluster.tick(id);
    cluster.settle();
  }
  expect(cluster.leader()).not.toBe(0);
});

test("paper 5.2: timeouts are chosen at random from a fixed interval, anew for each election", () => {
  const cluster = new Cluster({ voters: THREE, settings: { maxElectionTicks: 15 } });
  const waits = new Set<number>();
  for (let election = 0; election < 200; election += 1) {
    const { term } = cluster.node(1).basicStatus();
    let ticks = 0;
    while (cluster.node(1).basicStatus().term === term) {
      cluster.tick(1);
      ticks += 1;
    }
    waits.add(ticks);
  }
  expect([...waits].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14]);
});

test("paper 5.3: a leader appends a command as a new entry, and sends it to all in parallel", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  const sent = cluster.handle(1);
  expect(cluster.log(1).at(-1)).toBe("1/12");
  expect(sent.map(({ type, to }) => [type, to])).toEqual([
    ["AppendEntries", 2],
    ["AppendEntries", 3],
  ]);
});

test("paper 5.3: a leader retries indefinitely until all followers store all entries", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  let attempts = 0;
  cluster.lost = ({ type, to }) => {
    if (type !== "AppendEntries" || to !== 3) return false;
    attempts += 1;
    return attempts < 30;
  };
  cluster.propose(1, "a");
  for (let i = 0; i < 40; i += 1) {
    cluster.tick(1);
    cluster.settle();
  }
  expect(attempts).toBeGreaterThanOrEqual(30);
  expect(cluster.texts(3)).toEqual(["a"]);
});

test("paper 5.3: an entry is committed once a majority stores it, and with it all before it", () => {
  const cluster = new Cluster({ voters: FIVE });
  cluster.elect(1);
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.handle(1);
  cluster.step(acknowledgement(2, 1, 1, START + 4));
  expect(cluster.node(1).basicStatus().commit).toBe(START + 1);
  cluster.step(acknowledgement(3, 1, 1, START + 3));
  expect(cluster.node(1).basicStatus().commit).toBe(START + 3);
  cluster.handle(1);
  expect(cluster.texts(1)).toEqual(["a", "b"]);
});

test("paper 5.3: the commit index goes along with appends and heartbeats, and followers apply up to it", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.handle(1);
  cluster.deliver();
  cluster.handle(2);
  cluster.deliver();
  expect(cluster.texts(2)).toEqual([]);
  const told = cluster.handle(1).filter(({ to }) => to === 2);
  expect(told).toMatchObject([{ type: "AppendEntries", commit: START + 2 }]);
  cluster.network = [];
  cluster.tick(1);
  cluster.handle(1);
  expect(cluster.network).toMatchObject([
    { type: "Heartbeat", to: 2, commit: START + 2 },
    { type: "Heartbeat", to: 3, commit: START + 1 },
  ]);
  cluster.settle();
  expect([cluster.texts(2), cluster.texts(3)]).toEqual([["a"], ["a"]]);
});

test("paper 5.3: entries are applied in log order, each once", () => {
  const cluster = new Cluster({ voters: THREE, settings: { maxCommittedBytesPerReady: 20 } });
  cluster.elect(1);
  for (let i = 0; i < 30; i += 1) cluster.propose(1, `command ${i}`);
  cluster.settle();
  for (const id of THREE) {
    const indexes = cluster.member(id).applied.map(({ index }) => index);
    expect(indexes).toEqual(indexes.map((_, i) => START + 1 + i));
    expect(indexes).toHaveLength(31);
  }
});

test("paper 5.3: a follower refuses an append when it lacks the entry before", () => {
  const cluster = holding([1, 1]);
  for (const [index, logTerm] of [
    [START + 3, 1],
    [START + 2, 2],
  ] as const) {
    cluster.step(append({ from: 2, to: 1, term: 2, index, logTerm, terms: [2] }));
    const [answer] = cluster.handle(1);
    expect(answer).toMatchObject({ type: "AppendEntriesResponse", reject: true, index });
    expect(cluster.log(1)).toEqual(["1/11", "1/12"]);
  }
});

test("paper 5.3: a leader creates at most one entry with an index in a term, and never overwrites its own", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const seen = new Map<string, string>();
  for (let i = 0; i < 20; i += 1) {
    cluster.propose(1, `v${i}`);
    if (i % 3 === 0) cluster.settle();
    if (i % 7 === 6) cluster.elect((i % 3) + 1 === 1 ? 1 : cluster.leader());
  }
  cluster.settle();
  for (const message of cluster.sent) {
    if (message.type !== "AppendEntries") continue;
    for (const { term, index, data } of message.entries) {
      const key = `${term}/${index}`;
      expect(seen.get(key) ?? data.join()).toBe(data.join());
      seen.set(key, data.join());
    }
  }
  expect(seen.size).toBeGreaterThan(20);
});

test.each([
  ["(a) misses entries", [1, 1, 1, 4, 4, 5, 5, 6, 6]],
  ["(b) misses many entries", [1, 1, 1, 4]],
  ["(c) has an extra entry", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
  ["(d) has extra entries", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
  ["(e) misses some and has extra ones", [1, 1, 1, 4, 4, 4, 4]],
  ["(f) differs for two terms", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
])("paper 5.3, figure 7: the leader forces its log on a follower that %s", (_name, terms) => {
  const cluster = new Cluster({ voters: THREE });
  const fill = (to: NodeId, log: readonly number[]): void => {
    const { storage } = cluster.member(to);
    storage.append(
      log.map((term, i) => ({
        ...{ type: "Normal", term, index: START + 1 + i },
        data: new Uint8Array(0),
      })),
    );
    storage.setHardState({ term: 7, vote: 0, commit: START });
    cluster.restart(to);
  };
  const lead = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  fill(1, lead);
  fill(2, lead);
  fill(3, terms);
  cluster.elect(1);
  cluster.tick(1);
  cluster.settle();
  expect(cluster.log(3)).toEqual([...lead, 8].map((term, i) => `${term}/${START + 1 + i}`));
});

test("paper 5.3: a rejected append is repeated from an earlier entry, skipping whole terms at once", () => {
  const cluster = new Cluster({ voters: [1, 2] });
  const { storage } = cluster.member(2);
  const data = new Uint8Array(0);
  // 100 entries of a term that the leader does not have.
  const stale = Array.from({ length: 100 }, (_, i) => ({
    ...({ type: "Normal", term: 2, index: START + 1 + i } as const),
    data,
  }));
  storage.append(stale);
  storage.setHardState({ term: 2, vote: 0, commit: START });
  cluster.restart(2);
  const mine = Array.from({ length: 200 }, (_, i) => ({
    ...({ type: "Normal", term: 3, index: START + 1 + i } as const),
    data,
  }));
  cluster.member(1).storage.append(mine);
  cluster.member(1).storage.setHardState({ term: 3, vote: 0, commit: START });
  cluster.restart(1);
  cluster.elect(1);
  const rejected = cluster.sent.filter((m) => m.type === "AppendEntriesResponse" && m.reject);
  expect(rejected).toHaveLength(1);
  expect(cluster.log(2)).toEqual(cluster.log(1));
});

test.each([
  ["a later last term wins over a longer log", [1, 1, 1], START + 1, 2, true],
  ["an earlier last term loses in spite of a longer log", [2], START + 9, 1, false],
  ["with equal last terms, the longer log wins", [2, 2], START + 3, 2, true],
  ["with equal last terms, the shorter log loses", [2, 2], START + 1, 2, false],
  ["an equal log is up to date", [2, 2], START + 2, 2, true],
])("paper 5.4.1: a voter denies its vote to a log behind its own: %s", (...row) => {
  const [, terms, index, logTerm, granted] = row;
  const cluster = holding(terms);
  expect(vote(cluster, requestVote(3, 1, 9, index, logTerm))).toBe(granted);
});

test("paper 5.4.2: only entries of the leader's own term are committed by counting replicas", () => {
  const cluster = holding([2, 2]);
  cluster.node(1).campaign();
  cluster.handle(1);
  cluster.step({ type: "RequestVoteResponse", from: 2, to: 1, term: 3, reject: false });
  cluster.handle(1);
  cluster.step(acknowledgement(2, 1, 3, START + 2));
  cluster.step(acknowledgement(3, 1, 3, START + 2));
  expect(cluster.node(1).basicStatus().commit).toBe(START);
  cluster.step(acknowledgement(3, 1, 3, START + 3));
  expect(cluster.node(1).basicStatus().commit).toBe(START + 3);
});

test("paper 5.4.3: whoever is elected holds every committed entry", () => {
  const cluster = new Cluster({ voters: FIVE });
  cluster.elect(1);
  cluster.lost = ({ to, from }) => to >= 4 || from >= 4;
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.settle();
  expect(cluster.node(1).basicStatus().commit).toBe(START + 4);
  cluster.isolate(1);
  for (const id of [4, 5, 4]) {
    cluster.node(id).campaign();
    cluster.settle();
    expect(cluster.node(id).basicStatus().role).not.toBe("leader");
  }
  cluster.elect(3);
  cluster.tick(3);
  cluster.settle();
  for (const id of [2, 3, 4, 5]) expect(cluster.texts(id)).toEqual(["a", "b", "c"]);
});

test("paper 5.5: requests are idempotent: one that arrives again is answered again and changes nothing", () => {
  const cluster = holding([2, 2]);
  const request = append({ from: 2, to: 1, term: 2, index: START, logTerm: 1, terms: [2, 2] });
  for (let i = 0; i < 3; i += 1) {
    cluster.step(request);
    expect(cluster.handle(1)).toMatchObject([{ reject: false, index: START + 2 }]);
  }
  expect(cluster.log(1)).toEqual(["2/11", "2/12"]);
});

test("paper 5.5: a follower that crashed catches up after its restart", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  cluster.isolate(3);
  for (const one of ["b", "c"]) cluster.propose(1, one);
  cluster.settle([1, 2]);
  cluster.restart(3);
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a", "b", "c"]);
});
