import { expect, test } from "vitest";
import { committedImmutable } from "../../src/invariants/committed-immutable.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

function pair(): { bench: Bench; one: HandMadeNode; two: HandMadeNode } {
  const [one, two] = [new HandMadeNode(1), new HandMadeNode(2)];
  return { bench: new Bench(committedImmutable(), [one, two]), one, two };
}

test("what is not committed may be overwritten, what is committed is the same everywhere", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2).log([1, 2, 2]).commits(3), two.inTerm(2).log([1, 1, 1]).commits(2));
  bench.step(two.log([1, 2]));
  bench.step(two.commits(3));
  two.base = { index: 3, term: 2 };
  bench.step(two.log([2]).commits(4), one.commits(4));
});

test("two nodes take different entries for committed", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2).log([1, 2]).commits(3));
  expect(() => {
    bench.step(two.inTerm(3).log([1, 1]).commits(3));
  }).toThrow(
    "committed-immutable: entry 3 was committed with term 2 (seen at node 1), but node 2 in term 3 takes one of term 1 for committed",
  );
});

test("a committed entry is overwritten", () => {
  const { bench, one } = pair();
  bench.step(one.inTerm(2).log([1, 2, 2]).commits(3));
  expect(() => {
    bench.step(one.inTerm(3).log([1, 3]));
  }).toThrow(
    "entry 3 was committed with term 2 (seen at node 1), but node 1 in term 3 takes one of term 3 for committed",
  );
});

test("a committed entry is cut off", () => {
  const { bench, one } = pair();
  bench.step(one.inTerm(2).log([1, 2]).commits(3));
  expect(() => {
    bench.step(one.log([1]));
  }).toThrow(
    "node 1 takes everything up to 3 for committed, but has no entry 3: its log goes from 2 to 2",
  );
});

test("after a restart the commit index begins anew, and so does what may be overwritten", () => {
  const { bench, one, two } = pair();
  bench.step(one.inTerm(2).log([1, 2], 2).commits(3), two.inTerm(2).log([1, 2]).commits(3));
  // The disk still has what was overwritten in memory only.
  bench.step(one.restart().log([1, 1]).commits(2));
  expect(() => {
    bench.step(one.commits(3));
  }).toThrow("node 1 in term 2 takes one of term 1 for committed");
});
