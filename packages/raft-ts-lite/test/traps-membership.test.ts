// Section D of the traps that others fell into: membership.
import { expect, test } from "vitest";
import {
  encodeConfChange,
  MemoryLogStorage,
  RawNode,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Message,
} from "../src/index.ts";
import { append, bytes, Cluster, refusal, START, START_TERM } from "./cluster.ts";

const THREE = [1, 2, 3];

const add = (nodeId: number): ConfChange => ({ kind: "AddVoter", nodeId });
const remove = (nodeId: number): ConfChange => ({ kind: "Remove", nodeId });
const joint = (...changes: ConfChange[]): ConfChangeV2 => ({ transition: "explicit", changes });
const LEAVE: ConfChangeV2 = { transition: "auto", changes: [] };

test("trap 32: two leaders that each change one member do not get two disjoint quorums", () => {
  const cluster = new Cluster({ voters: [1, 2, 3, 4] });
  cluster.elect(1);
  // 1 appends "add 5" alone, and is cut off.
  cluster.isolate(1);
  cluster.node(1).proposeConfChange(add(5));
  cluster.settle([1]);
  expect(cluster.node(1).status().config.voters).toEqual([1, 2, 3, 4]);
  // 2 leads the rest, and appends "remove 1"; with 3 alone it has a majority of {2, 3, 4}, but none of {1, 2, 3, 4}.
  cluster.node(2).campaign();
  cluster.settle([2, 3, 4]);
  const { commit } = cluster.node(2).basicStatus();
  cluster.node(2).proposeConfChange(remove(1));
  cluster.lost = ({ from, to }) => from === 1 || to === 1 || from === 4 || to === 4;
  cluster.settle([2, 3, 4]);
  expect(cluster.node(2).basicStatus().commit).toBe(commit);
  // 4 makes it three of four. After that, 1 wins nothing with "add 5" in its log: three of four know better.
  cluster.isolate(1);
  cluster.tick(2);
  cluster.settle([2, 3, 4]);
  expect(cluster.node(2).status().config.voters).toEqual([2, 3, 4]);
  cluster.heal();
  cluster.network = [];
  cluster.restart(1);
  for (let i = 0; i < 3; i += 1) {
    cluster.node(1).campaign();
    cluster.settle();
  }
  expect(cluster.node(1).basicStatus().role).not.toBe("leader");
  for (const id of [2, 3, 4]) {
    expect(cluster.node(id).status().config.voters).toEqual([2, 3, 4]);
  }
});

test("trap 32: a change of a new leader takes effect only behind its first entry", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.lost = ({ type }) => type === "AppendEntries";
  cluster.elect(1);
  cluster.node(1).proposeConfChange(remove(3));
  cluster.settle();
  expect(cluster.node(1).status().config.voters).toEqual(THREE);
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  const [first, change] = cluster.member(1).applied;
  expect([first?.type, change?.type]).toEqual(["Normal", "ConfChange"]);
});

test("trap 33: after a restart nobody campaigns before a committed change is applied", () => {
  const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(4));
  cluster.settle();
  cluster.restart(1);
  const { storage } = cluster.member(1);
  expect(cluster.node(1).basicStatus().applied).toBe(storage.snapshot().metadata.index);
  // With the snapshot behind the change, as it is when nothing was saved since:
  const stale = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  const copy = stale.member(1).storage;
  copy.append(storage.entries(START + 1, storage.lastIndex() + 1, Infinity));
  copy.setHardState(storage.initialState().hardState);
  stale.restart(1);
  stale.node(1).campaign();
  expect(stale.node(1).basicStatus().role).toBe("follower");
  stale.tick(1, 25);
  expect(stale.node(1).basicStatus().role).toBe("follower");
  stale.settle([1]);
  expect(stale.node(1).status().config.voters).toEqual([1, 2, 3, 4]);
  stale.node(1).campaign();
  expect(stale.node(1).basicStatus().role).toBe("candidate");
});

test("trap 33: a change that its leader could not commit is committed by the old quorum, and then applied", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.lost = ({ type }) => type === "AppendEntriesResponse";
  cluster.node(1).proposeConfChange(remove(1));
  cluster.settle();
  expect(cluster.node(2).status().config.voters).toEqual(THREE);
  // 1 dies between append and commit. 2 needs a majority of all three, and has it with 3.
  cluster.isolate(1);
  cluster.node(2).campaign();
  cluster.settle([2, 3]);
  expect(cluster.node(2).basicStatus().role).toBe("leader");
  expect(cluster.node(3).status().config.voters).toEqual([2, 3]);
});

test("trap 34: a learner that does not know yet that it votes, votes", () => {
  const cluster = new Cluster({ voters: [1, 2], learners: [3] });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(3));
  cluster.settle([1, 2]);
  cluster.network = [];
  expect(cluster.node(2).status().config.voters).toEqual(THREE);
  expect(cluster.node(3).basicStatus().isLearner).toBe(true);
  cluster.isolate(1);
  cluster.node(2).campaign();
  cluster.settle([2, 3]);
  expect(cluster.node(2).basicStatus().role).toBe("leader");
  expect(cluster.node(3).status().config.voters).toEqual(THREE);
});

test("trap 34: it does not campaign before it knows", () => {
  const cluster = new Cluster({ voters: [1, 2], learners: [3] });
  cluster.node(3).campaign();
  cluster.tick(3, 100);
  expect(cluster.node(3).basicStatus()).toMatchObject({ role: "follower", term: 0 });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(3));
  cluster.settle();
  cluster.elect(3);
});

test("trap 35: a change that is truncated leaves no trace", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.isolate(1);
  cluster.node(1).proposeConfChange(joint(add(4), remove(2)));
  cluster.settle([1]);
  cluster.node(2).campaign();
  cluster.settle([2, 3]);
  cluster.propose(2, "a");
  cluster.settle([2, 3]);
  cluster.heal();
  cluster.tick(2);
  cluster.settle();
  for (const id of THREE) {
    expect(cluster.node(id).status().config).toMatchObject({ voters: THREE, votersOutgoing: [] });
    expect(cluster.texts(id)).toEqual(["a"]);
  }
  // And it stands in nobody's way.
  cluster.elect(1);
  cluster.node(1).proposeConfChange(remove(2));
  cluster.settle();
  expect(cluster.node(3).status().config.voters).toEqual([1, 3]);
});

test("trap 36: a leader that removed itself does not count itself", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(remove(1));
  cluster.propose(1, "a");
  cluster.lost = ({ type, to }) => type === "AppendEntries" && to === 3;
  cluster.settle();
  // The removal itself was decided by two of three, 1 among them; "a" behind it as well.
  const { commit } = cluster.node(1).basicStatus();
  expect(commit).toBe(START + 3);
  expect(cluster.node(1).status().config.voters).toEqual([2, 3]);
  expect(refusal(() => cluster.propose(1, "b"))).toBe("PROPOSAL_DROPPED");
});

test("trap 36: what was in flight when it did needs a majority of the others", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(remove(1));
  cluster.handle(1);
  cluster.deliver(({ to }) => to === 2);
  cluster.handle(2);
  cluster.propose(1, "b");
  cluster.handle(1);
  cluster.lost = ({ to }) => to === 3;
  cluster.settle([1, 2]);
  expect(cluster.node(1).status().config.voters).toEqual([2, 3]);
  expect(cluster.node(2).basicStatus()).toMatchObject({ lastIndex: START + 3 });
  expect(cluster.node(1).basicStatus().commit).toBe(START + 2);
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(cluster.node(2).basicStatus().commit).toBe(START + 3);
});

test("trap 36: a leader that becomes a learner steps down when told to", () => {
  for (const stepDownOnRemoval of [false, true]) {
    const cluster = new Cluster({ voters: THREE, settings: { stepDownOnRemoval } });
    cluster.elect(1);
    cluster.node(1).proposeConfChange({
      transition: "implicit",
      changes: [{ kind: "AddLearner", nodeId: 1 }],
    });
    cluster.settle();
    expect(cluster.node(2).status().config).toMatchObject({ voters: [2, 3], learners: [1] });
    const role = stepDownOnRemoval ? "follower" : "leader";
    expect(cluster.node(1).basicStatus()).toMatchObject({ role, isLearner: true });
  }
});

test("trap 37: a change that is refused throws at its proposer, and appends nothing", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(4));
  const { lastIndex } = cluster.node(1).basicStatus();
  expect(refusal(() => cluster.node(1).proposeConfChange(add(5)))).toBe("CONF_CHANGE_REFUSED");
  expect(cluster.node(1).basicStatus().lastIndex).toBe(lastIndex);
  cluster.settle();
  cluster.node(1).proposeConfChange(add(5));
  cluster.settle();
  expect(cluster.node(2).status().config.voters).toEqual([1, 2, 3, 4, 5]);
});

test.each([
  ["leaving what is not joint", LEAVE],
  ["the last voter's removal", joint(remove(1), remove(2), remove(3))],
])("trap 37: %s is refused at the proposer", (_name, change) => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  expect(refusal(() => cluster.node(1).proposeConfChange(change))).toBe("CONF_CHANGE_REFUSED");
});

test("trap 37: a second transition is refused inside a joint configuration", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(joint(remove(3)));
  cluster.settle();
  expect(refusal(() => cluster.node(1).proposeConfChange(add(4)))).toBe("CONF_CHANGE_REFUSED");
  cluster.node(1).proposeConfChange(LEAVE);
  cluster.settle();
  expect(cluster.node(2).status().config).toMatchObject({ voters: [1, 2], votersOutgoing: [] });
});

test("trap 37: nothing is refused for a change that was dropped, or that is applied", () => {
  const cluster = new Cluster({ voters: THREE, settings: { maxUncommittedBytes: 4 } });
  cluster.elect(1);
  cluster.propose(1, "four");
  // No room: the change is dropped, and must not count as pending.
  expect(refusal(() => cluster.node(1).proposeConfChange(add(4)))).toBe("PROPOSAL_DROPPED");
  cluster.settle();
  cluster.node(1).proposeConfChange(add(4));
  cluster.settle();
  expect(cluster.node(2).status().config.voters).toEqual([1, 2, 3, 4]);
});

test("trap 37: refused on the way through a follower, it becomes an empty entry in its place", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.node(1).proposeConfChange(add(4));
  const entries = [
    { ...encodeConfChange(add(5)), term: 0, index: 0 },
    { type: "Normal", term: 0, index: 0, data: bytes("b") },
  ] as const;
  cluster.step({ type: "Propose", from: 2, to: 1, term: 0, entries });
  cluster.settle();
  const behind = cluster.member(3).applied.slice(-2);
  expect(behind.map(({ type, data }) => [type, data.length])).toEqual([
    ["Normal", 0],
    ["Normal", 1],
  ]);
  expect(cluster.node(3).status().config.voters).toEqual([1, 2, 3, 4]);
});

test("trap 37: a change that cannot be read is never appended", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  const entries = [
    { type: "ConfChange", term: 0, index: 0, data: Uint8Array.of(255, 255) },
    { type: "ConfChangeV2", term: 0, index: 0, data: Uint8Array.of(18, 200, 1) },
  ] as const;
  cluster.step({ type: "Propose", from: 2, to: 1, term: 0, entries });
  cluster.settle();
  expect(cluster.member(3).applied.map(({ type }) => type)).toEqual(["Normal", "Normal", "Normal"]);
  expect(cluster.node(1).basicStatus().role).toBe("leader");
});

test("a snapshot of another group, or of the past, is not taken", () => {
  const cluster = new Cluster({ voters: THREE });
  cluster.elect(1);
  cluster.propose(1, "a");
  cluster.settle();
  const { storage } = cluster.member(2);
  const { confState } = storage.initialState();
  const send = (index: number, voters: readonly number[]): void => {
    const metadata = { index, term: START_TERM, confState: { ...confState, voters } };
    const snapshot = { metadata, data: new Uint8Array(0) };
    cluster.step({ type: "InstallSnapshot", from: 1, to: 2, term: 1, snapshot });
  };
  send(START + 1, THREE);
  // Of this one, the log does not know the term any more.
  send(START - 1, THREE);
  send(START + 50, [7, 8, 9]);
  cluster.settle();
  expect(cluster.node(2).basicStatus()).toMatchObject({ commit: START + 2, lastIndex: START + 2 });
});

test("a snapshot that the log does not match replaces all of it, written or not", () => {
  const cluster = new Cluster({ voters: THREE, settings: { asyncStorageWrites: true } });
  const terms = [2, 2, 2, 2];
  cluster.step(append({ from: 1, to: 2, term: 2, index: START, logTerm: START_TERM, terms }));
  // Nothing of it is on disk.
  cluster.handle(2);
  const { confState } = cluster.member(2).storage.initialState();
  const metadata = { index: START + 2, term: 3, confState: { ...confState, learners: [7] } };
  const snapshot = { metadata, data: new Uint8Array(0) };
  cluster.step({ type: "InstallSnapshot", from: 3, to: 2, term: 3, snapshot });
  expect(cluster.node(2).basicStatus().lastIndex).toBe(START + 2);
  cluster.settle([2]);
  expect(cluster.log(2)).toEqual([]);
  expect(cluster.node(2).status().config.learners).toEqual([7]);
});

test("a snapshot at an entry that the log holds keeps the log", () => {
  const cluster = new Cluster({ voters: THREE });
  const terms = [2, 2, 2];
  cluster.step(append({ from: 1, to: 2, term: 2, index: START, logTerm: START_TERM, terms }));
  const { confState } = cluster.member(2).storage.initialState();
  const metadata = { index: START + 2, term: 2, confState };
  const snapshot = { metadata, data: new Uint8Array(0) };
  cluster.step({ type: "InstallSnapshot", from: 1, to: 2, term: 2, snapshot });
  cluster.settle([2]);
  expect(cluster.log(2)).toEqual(["2/11", "2/12", "2/13"]);
  expect(cluster.node(2).basicStatus().commit).toBe(START + 2);
});

test("trap 52: a change from before a snapshot that is applied after it came is applied to what was before it", () => {
  const group = (...voters: number[]): ConfState => ({
    voters,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  });
  const storage = new MemoryLogStorage();
  const data = new Uint8Array(0);
  storage.applySnapshot({ metadata: { index: 1, term: 1, confState: group(1, 2, 3) }, data });
  const change = joint(remove(3));
  storage.append([{ ...encodeConfChange(change), term: 1, index: 2 }]);
  storage.setHardState({ term: 1, vote: 0, commit: 2 });
  const node = new RawNode({
    id: 1,
    storage,
    applied: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    random: { integer: (lo) => lo },
    asyncStorageWrites: true,
  });
  const work = [...node.ready().messages];
  expect(work.map(({ type }) => type)).toEqual(["StorageApply"]);
  // The thread that applies is busy; a snapshot comes meanwhile, of a group in the middle of another transition.
  const confState = { ...group(1, 4), votersOutgoing: [1, 2], autoLeave: true };
  const metadata = { index: 20, term: 1, confState };
  node.step({ type: "InstallSnapshot", from: 2, to: 1, term: 1, snapshot: { metadata, data } });
  work.push(...node.ready().messages);
  expect(node.applyConfChange(change)).toMatchObject({ voters: [1, 2], votersOutgoing: [1, 2, 3] });
  for (const message of work) {
    for (const response of responsesOf(message)) if (response.to === 1) node.step(response);
  }
  expect(node.status().config).toMatchObject(confState);
});

function responsesOf(message: Message): readonly Message[] {
  return message.type === "StorageAppend" || message.type === "StorageApply"
    ? message.responses
    : [];
}
