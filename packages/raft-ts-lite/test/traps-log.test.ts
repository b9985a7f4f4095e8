// Section A of the traps that others fell into: commit, term and log.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  InvariantError,
  MemoryLogStorage,
  RawNode,
  type Message,
  type NodeId,
} from "../src/index.ts";
import {
  acknowledgement,
  append,
  bytes,
  Cluster,
  confStateOf,
  prng,
  START,
  START_TERM,
} from "./cluster.ts";

const THREE = [1, 2, 3];

/** A follower in term `term` of leader 2, with entries of these terms behind the start. */
function followerWith(terms: readonly number[], term: number): Cluster {
  const cluster = new Cluster({ voters: THREE });
  cluster.step(append({ from: 2, to: 1, term, index: START, logTerm: START_TERM, terms }));
  cluster.settle([1]);
  cluster.network = [];
  return cluster;
}

test("trap 1: an entry of an earlier term is not committed by counting its copies (figure 8)", () => {
  const cluster = new Cluster({ voters: [1, 2, 3, 4, 5], settings: { maxEntriesPerMessage: 1 } });
  // (a) 1 leads in term 1, and its entry 11 reaches 2 alone.
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to !== 2;
  cluster.elect(1);
  // (b) 5 leads in term 2 with the votes of 3 and 4, and its entry 11 reaches nobody.
  cluster.lost = ({ type, from }) => from <= 2 || type === "AppendEntries";
  cluster.elect(5);
  cluster.network = [];
  expect([cluster.log(2), cluster.log(5)]).toEqual([["1/11"], ["2/11"]]);
  // (c) 1 leads in term 3 and brings its first entry to 3, so that three of five hold it; none holds entry 12.
  cluster.lost = ({ type, to, from }) => to === 5 || from === 5 || type === "AppendEntries";
  cluster.node(1).campaign();
  cluster.settle();
  cluster.elect(1);
  cluster.step(acknowledgement(2, 1, 3, 11));
  cluster.step(acknowledgement(3, 1, 3, 11, { hint: 10, logTerm: 1 }));
  const sent = cluster.handle(1).filter(({ to, type }) => to === 3 && type === "AppendEntries");
  for (const message of sent) cluster.step(message);
  cluster.settle();
  expect([cluster.log(1), cluster.log(2), cluster.log(3)]).toEqual([
    ["1/11", "3/12"],
    ["1/11"],
    ["1/11"],
  ]);
  expect(cluster.node(1).status().progress.get(3)?.match).toBe(11);
  expect(cluster.node(1).basicStatus().commit).toBe(10);
  // (d) And rightly so: 5, restarted, can still be elected, and replaces it everywhere.
  cluster.restart(5);
  cluster.lost = ({ from, to }) => from === 1 || to === 1;
  cluster.network = [];
  cluster.node(5).campaign();
  cluster.settle();
  cluster.elect(5);
  cluster.heal();
  cluster.tick(5);
  cluster.settle();
  for (const id of cluster.ids) expect(cluster.log(id)).toEqual(["2/11", "4/12"]);
});

test("trap 1: whatever is acknowledged, commit moves only to an entry of the leader's term", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(2, 3), fc.nat({ max: 8 })), { maxLength: 20 }),
      (acknowledged) => {
        const cluster = followerWith([2, 2, 3, 3], 3);
        cluster.node(1).campaign();
        cluster.handle(1);
        cluster.step({ type: "RequestVoteResponse", from: 2, to: 1, term: 4, reject: false });
        cluster.handle(1);
        cluster.propose(1, "a");
        cluster.handle(1);
        let before = cluster.node(1).basicStatus().commit;
        const own = START + 5;
        for (const [from, offset] of acknowledged) {
          cluster.step(acknowledgement(from, 1, 4, START + offset));
          const { commit } = cluster.node(1).basicStatus();
          expect(commit === before || commit >= own).toBe(true);
          before = commit;
        }
      },
    ),
  );
});

test("trap 2: a late append with fewer entries takes nothing away", () => {
  const cluster = followerWith([2, 2, 2], 2);
  const last = cluster.log(1);
  const late = { from: 2, to: 1, term: 2, logTerm: START_TERM, index: START };
  cluster.step(append({ ...late, terms: [2] }));
  cluster.step(append({ ...late, terms: [] }));
  cluster.step(append({ ...late, terms: [2, 2] }));
  cluster.settle([1]);
  expect(cluster.log(1)).toEqual(last);
  // What it acknowledges is what the append covers, which is true whatever lies behind.
  const acknowledged = cluster.network.map((message) => "index" in message && message.index);
  expect(acknowledged).toEqual([START + 1, START, START + 2]);
});

test("trap 2: appends repeated and out of order leave the log as the longest of them made it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 6 })), { maxLength: 30, size: "max" }),
      (windows) => {
        const cluster = new Cluster({ voters: THREE });
        let longest = START;
        for (const [skip, count] of windows) {
          const index = START + skip;
          const terms = new Array<number>(count).fill(2);
          const logTerm = skip === 0 ? START_TERM : 2;
          cluster.step(append({ from: 2, to: 1, term: 2, index, logTerm, terms }));
          if (index <= longest) longest = Math.max(longest, index + count);
          cluster.settle([1]);
          expect(cluster.member(1).storage.lastIndex()).toBe(longest);
        }
      },
    ),
  );
});

test("trap 3: a conflict takes the whole tail away", () => {
  const cluster = followerWith([2, 2, 2, 2], 2);
  const fresh = { from: 3, to: 1, term: 3, index: START + 1, logTerm: 2 };
  cluster.step(append({ ...fresh, terms: [3] }));
  cluster.settle([1]);
  expect(cluster.log(1)).toEqual(["2/11", "3/12"]);
});

test("trap 3: it does also where the tail is not written yet, and where it is being written", () => {
  for (const handled of [0, 2, 4]) {
    const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
    const old = { from: 2, to: 1, term: 2, index: START, logTerm: START_TERM };
    cluster.step(append({ ...old, terms: [2, 2, 2, 2].slice(0, handled) }));
    cluster.handle(1);
    cluster.step(append({ ...old, terms: [2, 2, 2, 2] }));
    cluster.step(append({ from: 3, to: 1, term: 3, index: START + 1, logTerm: 2, terms: [3] }));
    expect(cluster.node(1).basicStatus().lastIndex).toBe(START + 2);
    cluster.settle([1]);
    expect(cluster.log(1)).toEqual(["2/11", "3/12"]);
  }
});

test("trap 4: a follower commits no further than the append vouches for", () => {
  const cluster = followerWith([2, 2, 2, 2], 2);
  // The new leader's log differs behind entry 11, which this append does not show.
  const probe = { from: 3, to: 1, term: 3, index: START, logTerm: START_TERM, terms: [2] };
  cluster.step(append({ ...probe, commit: START + 4 }));
  cluster.settle([1]);
  expect(cluster.node(1).basicStatus().commit).toBe(START + 1);
});

test("trap 5: a vote leaves only with the write that makes it durable", () => {
  const settings = { asyncStorageWrites: true };
  const cluster = new Cluster({ voters: THREE, settings });
  cluster.node(1).campaign();
  const requests = cluster.handle(1);
  expect(requests.map(({ type }) => type)).toEqual(["RequestVote", "RequestVote"]);
  cluster.deliver(({ to }) => to === 2);
  expect(cluster.handle(2)).toEqual([]);
  const [write] = cluster.member(2).appends;
  expect(write?.hardState).toMatchObject({ term: 1, vote: 1 });
  expect(write?.responses.map(({ type, to }) => [type, to])).toEqual([["RequestVoteResponse", 1]]);
  // So does the candidate's own vote.
  expect(cluster.member(1).appends[0]?.responses.map(({ type, to }) => [type, to])).toEqual([
    ["RequestVoteResponse", 1],
  ]);
  expect(cluster.node(1).basicStatus().role).toBe("candidate");
});

test("trap 5: in synchronous mode, whatever carries a vote or an acknowledgement must be synced first", () => {
  const cluster = new Cluster({ voters: THREE });
  const { node } = cluster.member(2);
  node.step({
    ...{ type: "RequestVote", from: 1, to: 2, term: 4, index: START, logTerm: START_TERM },
    ...{ transfer: false, priority: 0 },
  });
  const vote = node.ready();
  expect(vote.mustSync).toBe(true);
  expect(vote.hardState).toMatchObject({ term: 4, vote: 1 });
  expect(vote.messages.map(({ type }) => type)).toEqual(["RequestVoteResponse"]);
  node.advance();
  const terms = [4];
  node.step(append({ from: 1, to: 2, term: 4, index: START, logTerm: START_TERM, terms }));
  const appended = node.ready();
  expect([appended.mustSync, appended.entries.length]).toEqual([true, 1]);
});

test("trap 5: a vote in a term that is on disk already must be synced as well", () => {
  const cluster = new Cluster({ voters: THREE });
  const { node } = cluster.member(2);
  const ask = { to: 2, index: START, logTerm: START_TERM, transfer: false, priority: 0 };
  // A candidate whose log cannot win brings the term, and no vote.
  node.step({ ...ask, type: "RequestVote", from: 3, term: 4, index: START - 1 });
  expect(node.ready().hardState).toMatchObject({ term: 4, vote: 0 });
  node.advance();
  node.step({ ...ask, type: "RequestVote", from: 1, term: 4 });
  const vote = node.ready();
  expect(vote.hardState).toMatchObject({ term: 4, vote: 1 });
  expect([vote.mustSync, vote.entries.length]).toEqual([true, 0]);
});

test("trap 6: a group of one commits nothing before its write is finished", () => {
  const cluster = new Cluster({ voters: [1], settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  const { commit } = cluster.node(1).basicStatus();
  cluster.propose(1, "a");
  for (let i = 0; i < 3; i += 1) {
    while (cluster.node(1).hasReady()) cluster.handle(1);
    cluster.deliver();
  }
  expect(cluster.node(1).basicStatus().commit).toBe(commit);
  expect(cluster.texts(1)).toEqual([]);
  cluster.settle();
  expect(cluster.texts(1)).toEqual(["a"]);
});

test("trap 6: the synchronous form acknowledges its own entries with advance, not before", () => {
  const cluster = new Cluster({ voters: [1] });
  cluster.elect(1);
  const { node } = cluster.member(1);
  node.propose(bytes("a"));
  const ready = node.ready();
  expect(ready.committedEntries).toEqual([]);
  cluster.member(1).storage.append(ready.entries);
  expect(node.basicStatus().commit).toBe(ready.entries[0]?.index === undefined ? -1 : START + 1);
  node.advance();
  expect(node.basicStatus().commit).toBe(START + 2);
});

test("trap 7: a write that finishes late says nothing about entries that replaced its own (ABA)", () => {
  const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  const at = { to: 1, index: START, logTerm: START_TERM };
  // The same entry 11 of term 2 is written, replaced by one of term 3, and put back in term 4.
  cluster.step(append({ ...at, from: 2, term: 2, terms: [2] }));
  cluster.handle(1);
  cluster.step(append({ ...at, from: 3, term: 3, terms: [3] }));
  cluster.handle(1);
  cluster.step(append({ ...at, from: 2, term: 4, terms: [2] }));
  cluster.handle(1);
  expect(cluster.member(1).appends).toHaveLength(3);
  const commit = START + 1;
  cluster.step({ type: "Heartbeat", from: 2, to: 1, term: 4, commit, readToken: "" });
  // The first write ends: entry 11 of term 2 is on disk, but the write of term 3 will still replace it.
  cluster.write(1);
  cluster.deliver(({ to }) => to === 1);
  while (cluster.node(1).hasReady()) cluster.handle(1);
  expect(cluster.member(1).applies).toEqual([]);
  cluster.write(1);
  cluster.deliver(({ to }) => to === 1);
  while (cluster.node(1).hasReady()) cluster.handle(1);
  expect(cluster.member(1).applies).toEqual([]);
  cluster.settle([1]);
  expect(cluster.member(1).applied.map(({ term, index }) => [term, index])).toEqual([[2, 11]]);
});

test("trap 8: an acknowledgement from before a follower's log went back does not count", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  // Leader 1 gives 2 an entry that nobody else has; the acknowledgement is held back.
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  cluster.propose(1, "lost");
  cluster.handle(1);
  cluster.deliver(({ to }) => to === 2 || to === 3);
  const [held] = cluster.handle(2);
  expect(held).toMatchObject({ type: "AppendEntriesResponse", to: 1, term: 1, index: 12 });
  cluster.network = [];
  // 3 leads and overwrites it everywhere; then 1 leads again.
  cluster.isolate(1, 2);
  cluster.node(3).campaign();
  cluster.settle([3]);
  cluster.step(acknowledgeVote(2, 3, 2));
  cluster.heal();
  cluster.settle();
  cluster.tick(3);
  cluster.settle();
  expect(cluster.log(2)).toEqual(["1/11", "2/12"]);
  // The leader of term 3 has not reached 2 yet, and knows nothing of its log.
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 2;
  cluster.elect(1);
  if (held !== undefined) cluster.step(held);
  expect(cluster.node(1).status().progress.get(2)?.match).toBe(0);
});

function acknowledgeVote(from: NodeId, to: NodeId, term: number): Message {
  return { type: "RequestVoteResponse", from, to, term, reject: false };
}

test("trap 8: nobody can acknowledge what the leader does not hold", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const { commit, lastIndex } = cluster.node(1).basicStatus();
  cluster.step(acknowledgement(2, 1, 1, lastIndex + 5));
  cluster.step(acknowledgement(3, 1, 1, lastIndex + 5));
  expect(cluster.node(1).basicStatus()).toMatchObject({ commit, role: "leader" });
  cluster.propose(1, "a");
  cluster.settle();
  expect(cluster.texts(2)).toEqual(["a"]);
});

test("trap 9: an append whose previous entry is compacted is acknowledged up to the commit index", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.settle();
  const { commit } = cluster.node(2).basicStatus();
  cluster.member(2).storage.compact(commit - 1);
  const before = cluster.log(2);
  const terms = [1, 1];
  cluster.step(append({ from: 1, to: 2, term: 1, index: START, logTerm: START_TERM, terms }));
  const [answer] = cluster.handle(2);
  expect(answer).toMatchObject({ type: "AppendEntriesResponse", reject: false, index: commit });
  expect(cluster.log(2)).toEqual(before);
});

test("trap 10: the commit index is what a quorum acknowledged, of every half of a joint configuration", () => {
  const ids = fc.uniqueArray(fc.integer({ min: 2, max: 8 }), { maxLength: 6 });
  const offsets = fc.dictionary(fc.constantFrom("2", "3", "4", "5", "6", "7", "8"), fc.nat(9));
  fc.assert(
    fc.property(ids, ids, offsets, (incoming, outgoing, acknowledged) => {
      const confState = {
        ...confStateOf([1, ...incoming]),
        votersOutgoing: outgoing.length === 0 ? [] : [1, ...outgoing],
      };
      const { node, last } = leaderOf(confState, 9);
      for (const [id, offset] of Object.entries(acknowledged)) {
        const message = acknowledgement(Number(id), 1, 2, START + 1 + offset);
        if (node.status().progress.has(Number(id))) node.step(message);
      }
      const match = (id: NodeId): number => {
        if (id === 1) return last;
        const offset = acknowledged[String(id)];
        return offset === undefined ? 0 : START + 1 + offset;
      };
      const quorum = (voters: readonly NodeId[]): number => {
        const sorted = voters.map(match).sort((a, b) => b - a);
        return sorted[Math.floor(voters.length / 2)] ?? Infinity;
      };
      const expected = Math.min(quorum(confState.voters), quorum(confState.votersOutgoing));
      expect(node.basicStatus().commit).toBe(expected < START + 1 ? START : expected);
    }),
  );
});

/** Node 1 as leader in term 2 of any configuration, with its empty entry and `more` entries behind it. */
function leaderOf(
  confState: ReturnType<typeof confStateOf>,
  more: number,
): { readonly node: RawNode; readonly last: number } {
  const storage = new MemoryLogStorage();
  const metadata = { index: START, term: START_TERM, confState };
  storage.applySnapshot({ metadata, data: new Uint8Array(0) });
  storage.setHardState({ term: 1, vote: 0, commit: START });
  const random = prng(1);
  const node = new RawNode({ id: 1, electionTicks: 10, heartbeatTicks: 1, storage, random });
  const run = (): void => {
    const { hardState, entries } = node.ready();
    if (hardState !== undefined) storage.setHardState(hardState);
    storage.append(entries);
    node.advance();
  };
  node.campaign();
  run();
  for (const id of [...confState.voters, ...confState.votersOutgoing]) {
    if (id !== 1) node.step(acknowledgeVote(id, 1, 2));
  }
  while (node.hasReady()) run();
  if (more > 0) node.proposeBatch(new Array<Uint8Array>(more).fill(bytes("x")));
  while (node.hasReady()) run();
  return { node, last: START + 1 + more };
}

test("trap 11: a second leader of one term stops the node that sees both", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const heartbeat = { type: "Heartbeat", from: 3, term: 1, commit: 0, readToken: "" } as const;
  const forged = append({ from: 3, to: 1, term: 1, index: START, logTerm: START_TERM });
  expect(() => cluster.node(2).step({ ...heartbeat, to: 2 })).toThrow(InvariantError);
  expect(() => cluster.node(1).step(forged)).toThrow(/two leaders \(1, 3\) in term \(1\)/);
});

test("trap 12: a member whose disk forgot stops itself and nobody else", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  for (const one of ["a", "b"]) cluster.propose(1, one);
  cluster.settle();
  // 2 comes back under its old id with nothing but the start.
  cluster.members.delete(2);
  const wiped = cluster.add(2, true);
  cluster.tick(1);
  cluster.handle(1);
  expect(() => cluster.deliver()).toThrow(/was the log lost/);
  // The others go on, whatever it had said before it stopped.
  cluster.members.delete(wiped.id);
  cluster.step(acknowledgement(2, 1, 1, 13, { hint: 10, logTerm: 1 }));
  cluster.step(acknowledgement(2, 1, 1, 11));
  cluster.propose(1, "c");
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a", "b", "c"]);
});

test("trap 13: no response, old, repeated or made up, breaks a leader", () => {
  const response = fc.record({
    from: fc.constantFrom(2, 3),
    term: fc.constantFrom(1, 2),
    index: fc.nat({ max: 40 }),
    reject: fc.boolean(),
    hint: fc.nat({ max: 40 }),
    logTerm: fc.nat({ max: 3 }),
    other: fc.constantFrom("none", "heartbeat", "unreachable", "snapshot", "failed", "propose"),
  });
  fc.assert(
    fc.property(fc.array(response, { maxLength: 60, size: "max" }), (responses) => {
      const { node, last } = leaderOf(confStateOf(THREE), 12);
      let { commit } = node.basicStatus();
      for (const { from, term, index, reject, hint, logTerm, other } of responses) {
        if (reject) node.step(acknowledgement(from, 1, term, index, { hint, logTerm }));
        else node.step(acknowledgement(from, 1, term, index));
        perform(node, other, from);
        const status = node.status();
        expect(status.role).toBe("leader");
        expect(status.commit).toBeGreaterThanOrEqual(commit);
        expect(status.commit).toBeLessThanOrEqual(status.lastIndex);
        ({ commit } = status);
        for (const view of status.progress.values()) {
          expect(view.match).toBeLessThan(view.next);
          expect(view.match).toBeLessThanOrEqual(status.lastIndex);
          expect(view.next).toBeLessThanOrEqual(status.lastIndex + 1);
          expect(view.inflight > 0 && view.state !== "replicate").toBe(false);
        }
        if (node.hasReady()) {
          node.ready();
          node.advance();
        }
      }
      expect(last).toBe(START + 13);
    }),
  );
});

function perform(node: RawNode, other: string, from: NodeId): void {
  const message = { type: "HeartbeatResponse", from, to: 1, term: 2, readToken: "" } as const;
  if (other === "heartbeat") node.step(message);
  else if (other === "unreachable") node.reportUnreachable(from);
  else if (other === "snapshot") node.reportSnapshot(from, "finished");
  else if (other === "failed") node.reportSnapshot(from, "failed");
}

test("trap 13: in-flight bytes are given back, however the appends are answered", () => {
  const cluster = new Cluster({
    voters: THREE,
    settings: { maxInflightBytes: 100, maxMessageBytes: 60 },
  });
  cluster.elect(1);
  for (let i = 0; i < 40; i += 1) cluster.propose(1, "x".repeat(30));
  cluster.settle();
  expect(cluster.texts(2)).toHaveLength(40);
  for (let i = 0; i < 40; i += 1) cluster.propose(1, "x".repeat(30));
  // Every second append to 2 is lost; heartbeats find that out.
  let count = 0;
  cluster.lost = ({ type, to }) => {
    if (type !== "AppendEntries" || to !== 2) return false;
    count += 1;
    return count % 2 === 0;
  };
  for (let i = 0; i < 200; i += 1) {
    cluster.settle();
    cluster.tick(1);
  }
  expect(count).toBeGreaterThan(10);
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  const view = cluster.node(1).status().progress.get(2);
  expect(view).toMatchObject({ state: "replicate", inflight: 0, match: START + 81 });
  expect(cluster.texts(2)).toHaveLength(80);
});
