import { expect, test } from "vitest";
import { indexOrder } from "../../src/invariants/index-order.ts";
import { Bench, hashOf, HandMadeNode } from "./hand-made.ts";

function ready(): { bench: Bench; node: HandMadeNode } {
  const node = new HandMadeNode(1).log([1, 1, 1, 1, 1, 1], 6).commits(6);
  node.applied = 4;
  node.machine = { index: 5, term: 1, stateHash: hashOf("five") };
  const bench = new Bench(indexOrder(), [node]);
  bench.step(node);
  return { bench, node };
}

function switchTo(node: HandMadeNode, index: number): HandMadeNode {
  node.machine = { index, term: 1, stateHash: hashOf("snapshot") };
  return node;
}

test("each at most the next", () => {
  const { bench, node } = ready();
  node.base = { index: 4, term: 1 };
  bench.step(node.log([1, 1, 1]));
});

test("the log begins behind a snapshot that is being switched in", () => {
  const { bench, node } = ready();
  node.base = { index: 20, term: 1 };
  bench.step(node.log([]).commits(20));
  bench.step(node.log([1, 1], 20).commits(21));
  bench.step(switchTo(node, 20));
  node.applied = 20;
  bench.step(node);
});

test.each([
  [
    "purged",
    "applied",
    (node: HandMadeNode) => {
      node.base = { index: 5, term: 1 };
      node.log([1, 1]);
    },
    "purged 5, applied 4, state 5, committed 6, stable 7, last 7",
  ],
  [
    "applied",
    "state",
    (node: HandMadeNode) => {
      node.applied = 6;
    },
    "purged 1, applied 6, state 5, committed 6, stable 6, last 7",
  ],
  [
    "state",
    "committed",
    (node: HandMadeNode) => {
      switchTo(node, 7);
    },
    "purged 1, applied 4, state 7, committed 6, stable 6, last 7",
  ],
  [
    "committed",
    "last",
    (node: HandMadeNode) => {
      node.commits(8);
    },
    "purged 1, applied 4, state 5, committed 8, stable 6, last 7",
  ],
  [
    "stable",
    "last",
    (node: HandMadeNode) => {
      node.stableIndex = 8;
    },
    "purged 1, applied 4, state 5, committed 6, stable 8, last 7",
  ],
])("%s is above %s", (lower, upper, breakIt, numbers) => {
  const { bench, node } = ready();
  breakIt(node);
  expect(() => {
    bench.step(node);
  }).toThrow(`index-order: at node 1, ${lower} is above ${upper}: ${numbers}`);
});

test("a log that is cut again while a snapshot waits", () => {
  const { bench, node } = ready();
  node.base = { index: 20, term: 1 };
  bench.step(node.log([1, 1]).commits(21));
  node.base = { index: 21, term: 1 };
  expect(() => {
    bench.step(node.log([1]));
  }).toThrow("purged is above applied: purged 21, applied 4");
});

test("a node that starts with a log cut beyond its state", () => {
  const { bench, node } = ready();
  node.restart().base = { index: 5, term: 1 };
  expect(() => {
    bench.step(node.log([1, 1]));
  }).toThrow("purged is above applied: purged 5, applied 4");
});
