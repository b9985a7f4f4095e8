import { expect, test } from "vitest";
import { logMatching } from "../../src/invariants/log-matching.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

function pair(): { bench: Bench; one: HandMadeNode; two: HandMadeNode } {
  const [one, two] = [new HandMadeNode(1).inTerm(4), new HandMadeNode(2).inTerm(4)];
  return { bench: new Bench(logMatching(), [one, two]), one, two };
}

test("logs may end in different entries, and agree below", () => {
  const { bench, one, two } = pair();
  bench.step(one.log([1, 1, 2]), two.log([1, 1]));
  bench.step(two.log([1, 1, 3, 3]));
  bench.step(one.log([1, 1, 3]));
  two.base = { index: 3, term: 1 };
  bench.step(two.log([3, 3]));
});

test("a log that begins behind a snapshot is compared from there on", () => {
  const { bench, one, two } = pair();
  bench.step(one.log([1, 1, 2, 2]));
  two.base = { index: 4, term: 2 };
  bench.step(two.log([2]));
  expect(() => {
    two.base = { index: 4, term: 1 };
    bench.step(two.log([2]));
  }).toThrow(
    "log-matching: nodes 1 and 2 hold entry 5 of term 2, but before it, node 1 held one of term 2, and node 2 holds one of term 1",
  );
});

test("the same entry behind different ones", () => {
  const { bench, one, two } = pair();
  bench.step(one.log([1, 2, 3]));
  expect(() => {
    bench.step(two.log([1, 1, 3]));
  }).toThrow(
    "nodes 1 and 2 hold entry 4 of term 3, but before it, node 1 held one of term 2, and node 2 holds one of term 1",
  );
});

test("the same index and term, but other bytes", () => {
  const { bench, one, two } = pair();
  bench.step(one.log([1, 2]));
  two.contents.set(3, "other");
  expect(() => {
    bench.step(two.log([1, 2]));
  }).toThrow("entry 3 of term 2 at node 2 holds other bytes than at node 1");
});

test("bytes are compared where they are in memory, also after a restart", () => {
  const { bench, one, two } = pair();
  one.inMemoryFrom = 10;
  bench.step(one.log([1, 2]));
  bench.step(two.log([1, 2]));
  one.restart().inMemoryFrom = 0;
  one.contents.set(2, "read from a damaged disk");
  expect(() => {
    bench.step(one);
  }).toThrow("entry 2 of term 1 at node 1 holds other bytes than at node 2");
});

test("terms fall along a log", () => {
  const { bench, one } = pair();
  expect(() => {
    bench.step(one.log([1, 3, 2]));
  }).toThrow("in the log of node 1, entry 4 of term 2 follows one of the later term 3");
});

test("a log has a hole", () => {
  const { bench, one } = pair();
  one.log([1, 1, 1]);
  one.terms = [1, undefined as never, 1];
  expect(() => {
    bench.step(one);
  }).toThrow("the log of node 1 goes from 2 to 4, but has no entry 3");
});
