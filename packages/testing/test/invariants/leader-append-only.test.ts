import { expect, test } from "vitest";
import { leaderAppendOnly } from "../../src/invariants/leader-append-only.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

test("a leader appends, a follower is overwritten", () => {
  const node = new HandMadeNode(1).inTerm(2, "leader").log([1, 1, 2]);
  const bench = new Bench(leaderAppendOnly(), [node]);
  bench.step(node);
  bench.step(node.log([1, 1, 2, 2]));
  bench.step(node.inTerm(3).log([1, 3]));
  bench.step(node.inTerm(4, "leader").log([1, 3, 4]));
});

test("a leader cuts the log that it is elected with", () => {
  const node = new HandMadeNode(1).inTerm(2).log([1, 1]);
  const bench = new Bench(leaderAppendOnly(), [node]);
  bench.step(node);
  // In one step it was overwritten as a follower and elected: nothing to object to.
  bench.step(node.inTerm(4, "leader").log([1, 3, 4]));
});

test("compaction deletes nothing", () => {
  const node = new HandMadeNode(1).inTerm(2, "leader").log([1, 1, 2]);
  const bench = new Bench(leaderAppendOnly(), [node]);
  bench.step(node);
  node.base = { index: 3, term: 1 };
  bench.step(node.log([2]));
});

test("a leader drops its tail", () => {
  const node = new HandMadeNode(1).inTerm(2, "leader").log([1, 1, 2, 2]);
  const bench = new Bench(leaderAppendOnly(), [node]);
  bench.step(node);
  expect(() => {
    bench.step(node.log([1, 1, 2]));
  }).toThrow(
    "leader-append-only: node 1 leads term 2, and its log ended at 5; now entry 5 is gone",
  );
});

test("a leader overwrites an entry", () => {
  const node = new HandMadeNode(1).inTerm(3, "leader").log([1, 1, 3]);
  const bench = new Bench(leaderAppendOnly(), [node]);
  bench.step(node);
  expect(() => {
    bench.step(node.log([1, 2, 3]));
    bench.step(node, node, node, node);
  }).toThrow("node 1 leads term 3, and its log ended at 4; now entry 3 is another one, of term 2");
});
