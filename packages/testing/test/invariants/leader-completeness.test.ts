import { expect, test } from "vitest";
import { leaderCompleteness } from "../../src/invariants/leader-completeness.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

function pair(): { bench: Bench; one: HandMadeNode; two: HandMadeNode } {
  const [one, two] = [new HandMadeNode(1), new HandMadeNode(2)];
  return { bench: new Bench(leaderCompleteness(), [one, two]), one, two };
}

test("a new leader holds what was committed, and may hold more", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2, "leader").log([2, 2]).commits(3));
  bench.step(two.inTerm(3, "leader").log([2, 2, 2, 3]));
});

test("a new leader that has compacted what was committed, or got a snapshot of it", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2, "leader").log([2, 2]).commits(3));
  two.base = { index: 3, term: 2 };
  bench.step(two.inTerm(3, "leader").log([3]));
});

test("a new leader lacks what was committed in an earlier term", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2, "leader").log([2, 2]).commits(3));
  expect(() => {
    bench.step(two.inTerm(3, "leader").log([2]));
  }).toThrow(
    "leader-completeness: node 2 leads term 3 without entry 3 of term 2, which was committed in term 2: its log ends at 2",
  );
});

test("a new leader holds another entry where one was committed", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2, "leader").log([2, 2]).commits(3));
  expect(() => {
    bench.step(two.inTerm(4, "leader").log([2, 3, 4]));
  }).toThrow(
    "node 2 leads term 4 without entry 3 of term 2, which was committed in term 2: it holds one of term 3",
  );
});

test("a leader of an earlier term need not hold what a later one committed", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(3, "leader").log([3, 3]).commits(3));
  bench.step(two.inTerm(2, "leader").log([2]));
});

test("a deposed leader commits what the leader that was elected meanwhile does not hold", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2, "leader").log([2, 2]));
  bench.step(two.inTerm(3, "leader").log([2, 3]));
  bench.step(one.commits(2));
  expect(() => {
    bench.step(one.commits(3));
  }).toThrow(
    "node 2 leads term 3 without entry 3 of term 2, which was committed in term 2: it holds one of term 3",
  );
});
