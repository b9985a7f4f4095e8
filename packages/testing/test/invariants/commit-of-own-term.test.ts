import { expect, test } from "vitest";
import { commitOfOwnTerm } from "../../src/invariants/commit-of-own-term.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

test("a leader commits its own term and with it what lies before, a follower what it is told", () => {
  const node = new HandMadeNode(1).inTerm(4, "leader").log([2, 2, 4, 4]);
  const bench = new Bench(commitOfOwnTerm(), [node]);
  bench.step(node);
  bench.step(node.commits(4));
  const other = new HandMadeNode(2).inTerm(4).log([2, 2, 4, 4]);
  bench.step(other);
  bench.step(other.commits(3));
});

test("what a follower learned in the step in which it was elected", () => {
  const node = new HandMadeNode(1).inTerm(3).log([2, 2]);
  const bench = new Bench(commitOfOwnTerm(), [node]);
  bench.step(node);
  bench.step(node.inTerm(4, "leader").log([2, 2, 4]).commits(3));
});

test("figure 8: an entry of an earlier term is committed because most nodes hold it", () => {
  const node = new HandMadeNode(1).inTerm(4, "leader").log([2, 4]);
  const bench = new Bench(commitOfOwnTerm(), [node]);
  bench.step(node);
  expect(() => {
    bench.step(node.commits(2));
  }).toThrow(
    "commit-of-own-term: node 1 leads term 4 and advanced its commit index from 1 to 2, an entry of term 2",
  );
});
