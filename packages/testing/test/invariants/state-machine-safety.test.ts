import { expect, test } from "vitest";
import { stateMachineSafety } from "../../src/invariants/state-machine-safety.ts";
import { Bench, hashOf, HandMadeNode } from "./hand-made.ts";

function applied(node: HandMadeNode, index: number, hash: string, term = 1): HandMadeNode {
  node.machine = { index, term, stateHash: hashOf(hash) };
  return node;
}

function pair(): { bench: Bench; one: HandMadeNode; two: HandMadeNode } {
  const [one, two] = [new HandMadeNode(1), new HandMadeNode(2)];
  return { bench: new Bench(stateMachineSafety(), [one, two]), one, two };
}

test("states of one index are equal, whoever skips some", () => {
  const { bench, one, two } = pair();
  bench.step(applied(one, 2, "a"), applied(one, 3, "ab"), applied(two, 3, "ab"));
  bench.step(applied(one, 4, "abc"), applied(one, 4, "abc"));
});

test("a node goes back to its checkpoint and applies again", () => {
  const { bench, one } = pair();
  bench.step(applied(one, 2, "a"));
  bench.step(applied(one, 3, "ab"));
  one.restart();
  bench.step(applied(one, 2, "a"));
  expect(() => {
    bench.step(applied(one, 3, "aab"));
  }).toThrow(
    "state-machine-safety: node 1 and node 1 applied everything up to index 3, but their states differ (6161622e and 61622e2e)",
  );
});

test("two nodes apply the same entries to different states", () => {
  const { bench, one, two } = pair();
  bench.step(applied(one, 3, "ab"));
  expect(() => {
    bench.step(applied(two, 3, "ba"));
  }).toThrow("node 2 and node 1 applied everything up to index 3, but their states differ");
});

test("two nodes apply different entries at one index", () => {
  const { bench, one, two } = pair();
  bench.step(applied(one, 3, "ab", 2));
  expect(() => {
    bench.step(applied(two, 3, "ab", 3));
  }).toThrow("node 2 applied an entry of term 3 at index 3, where node 1 applied one of term 2");
});

test("a state changes without an entry", () => {
  const { bench, one } = pair();
  bench.step(applied(one, 3, "ab"));
  expect(() => {
    bench.step(applied(one, 3, "abb"));
  }).toThrow("their states differ");
});
