import { expect, test } from "vitest";
import { type ConfState, MemoryLogStorage, RawNode, type StorageAppend } from "../src/index.ts";

const GROUP: ConfState = {
  voters: [1],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function start(storage: MemoryLogStorage): RawNode {
  return new RawNode({
    id: 1,
    storage,
    incarnation: 1,
    random: { integer: (low) => low },
    electionTicks: 10,
    heartbeatTicks: 1,
    asyncStorageWrites: true,
  });
}

function storageAt(index: number, term: number): MemoryLogStorage {
  const storage = new MemoryLogStorage();
  storage.applySnapshot({
    metadata: { index, term, confState: GROUP },
    data: new Uint8Array(0),
  });
  storage.setHardState({ term, vote: 0, commit: index });
  return storage;
}

/** Takes what is due and returns what is to be written. */
function appendOf(node: RawNode): StorageAppend | undefined {
  return node.ready().messages.find((message) => message.type === "StorageAppend");
}

test("an inspection shows the log as the core sees it, and what of it is written", () => {
  const storage = storageAt(7, 3);
  const node = start(storage);
  const { inspection } = node;
  expect(inspection.role).toBe("follower");
  node.campaign();
  const vote = appendOf(node);
  expect(vote?.entries).toEqual([]);
  for (const response of vote?.responses ?? []) node.step(response);
  expect(inspection).toMatchObject({ id: 1, role: "leader", term: 4, vote: 1, leader: 1 });
  expect(inspection).toMatchObject({ firstIndex: 8, lastIndex: 8, stableIndex: 7, commit: 7 });
  node.propose(Uint8Array.of(9));
  expect(inspection).toMatchObject({ lastIndex: 9, stableIndex: 7 });
  expect([6, 7, 8, 9, 10].map((index) => inspection.termOf(index))).toEqual([
    undefined,
    3,
    4,
    4,
    undefined,
  ]);
  expect(inspection.unstableEntry(7)).toBeUndefined();
  expect(inspection.unstableEntry(9)?.data).toEqual(Uint8Array.of(9));
  expect(inspection.unstableEntry(10)).toBeUndefined();

  const append = appendOf(node);
  storage.append(append?.entries ?? []);
  for (const response of append?.responses ?? []) node.step(response);
  expect(inspection).toMatchObject({ commit: 9, applied: 7, stableIndex: 9 });
  expect(inspection.unstableEntry(9)).toBeUndefined();
  expect(inspection.termOf(9)).toBe(4);
});

test("a snapshot that is being written is not stable, and what lies below it is gone", () => {
  const node = start(storageAt(2, 1));
  const { inspection } = node;
  node.step({
    type: "InstallSnapshot",
    to: 1,
    from: 2,
    term: 6,
    snapshot: {
      metadata: { index: 20, term: 5, confState: { ...GROUP, voters: [1, 2] } },
      data: new Uint8Array(0),
    },
  });
  expect(inspection).toMatchObject({ firstIndex: 21, lastIndex: 20, stableIndex: 19, commit: 20 });
  expect([2, 19, 20, 21].map((index) => inspection.termOf(index))).toEqual([
    undefined,
    undefined,
    5,
    undefined,
  ]);
  // It is as applied, and nothing is yet.
  expect(inspection.confState.voters).toEqual([1]);
  for (const response of appendOf(node)?.responses ?? []) {
    if (response.to === 1) node.step(response);
  }
  expect(inspection).toMatchObject({ applied: 20, stableIndex: 20 });
  expect(inspection.confState.voters).toEqual([1, 2]);
});

test("the configuration is the same object until it changes", () => {
  const node = start(storageAt(2, 1));
  const before = node.inspection.confState;
  expect(before).toEqual(GROUP);
  expect(node.inspection.confState).toBe(before);
  node.applyConfChange({ kind: "AddLearner", nodeId: 2 });
  expect(node.inspection.confState).toEqual({ ...GROUP, learners: [2] });
});
