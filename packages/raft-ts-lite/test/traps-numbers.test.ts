// Trap 14: numbers near the ends of what 32 bits and doubles hold.
import { expect, test } from "vitest";
import { InvariantError } from "../src/index.ts";
import { append, Cluster, entry, START, START_TERM } from "./cluster.ts";

const THREE = [1, 2, 3];

test.each([
  ["2^31 - 2", 2 ** 31 - 2],
  ["2^32 - 2", 2 ** 32 - 2],
])("trap 14: indexes and terms pass %s like any other number", (_name, start) => {
  const cluster = new Cluster({ voters: THREE, start: { index: start, term: start } });
  for (const { storage } of cluster.members.values()) {
    storage.setHardState({ term: start, vote: 0, commit: start });
  }
  for (const id of THREE) cluster.restart(id);
  cluster.elect(1);
  for (let i = 0; i < 5; i += 1) cluster.propose(1, `a${i}`);
  cluster.settle();
  cluster.elect(2);
  cluster.propose(2, "b");
  cluster.settle();
  for (const id of THREE) {
    expect(cluster.texts(id)).toEqual(["a0", "a1", "a2", "a3", "a4", "b"]);
    expect(cluster.node(id).basicStatus()).toMatchObject({ term: start + 2, commit: start + 8 });
  }
});

test("trap 14: the last safe integers are used up, and the one behind them stops the node", () => {
  const start = 2 ** 53 - 3;
  const cluster = new Cluster({ voters: THREE, start: { index: start, term: start } });
  for (const { storage } of cluster.members.values()) {
    storage.setHardState({ term: start, vote: 0, commit: start });
  }
  for (const id of THREE) cluster.restart(id);
  cluster.elect(1);
  cluster.propose(1, "last");
  cluster.settle();
  for (const id of THREE) {
    expect(cluster.texts(id)).toEqual(["last"]);
    expect(cluster.node(id).basicStatus()).toMatchObject({
      term: 2 ** 53 - 2,
      commit: Number.MAX_SAFE_INTEGER,
    });
  }
  expect(() => cluster.propose(1, "beyond")).toThrow(InvariantError);
});

test("trap 14: numbers that are no safe integers are refused at the boundary", () => {
  const cluster = new Cluster({ voters: THREE });
  const good = { from: 2, to: 1, term: 1, index: START, logTerm: START_TERM };
  for (const bad of [NaN, 1.5, -1, 2 ** 53, Infinity]) {
    for (const key of ["term", "index", "logTerm", "from"] as const) {
      expect(() => cluster.node(1).step(append({ ...good, [key]: bad }))).toThrow(
        /no correct node/,
      );
    }
  }
  const gap = { ...good, type: "AppendEntries", commit: 0 } as const;
  expect(() => cluster.node(1).step({ ...gap, entries: [entry(1, START + 2)] })).toThrow();
  expect(() => cluster.node(1).step({ ...gap, entries: [entry(2, START + 1)] })).toThrow();
  expect(cluster.node(1).hasReady()).toBe(false);
});
