import { expect, test } from "vitest";
import { acknowledgedIsStable } from "../../src/invariants/acknowledged-is-stable.ts";
import type { Invariant } from "../../src/invariants/invariant.ts";
import { acknowledgement, Bench, HandMadeNode } from "./hand-made.ts";

function ready(): { bench: Bench; node: HandMadeNode; invariant: Invariant } {
  const invariant = acknowledgedIsStable();
  const node = new HandMadeNode(2).inTerm(3).log([1, 2, 3, 3]);
  const bench = new Bench(invariant, [node]);
  bench.start(node);
  invariant.sent?.(node, acknowledgement(node, 1, 5));
  return { bench, node, invariant };
}

test("what was acknowledged comes back, and may be overwritten in a later term", () => {
  const { bench, node, invariant } = ready();
  bench.step(node.log([1, 2, 3, 3, 3], 5));
  bench.start(node.restart());
  bench.step(node.inTerm(4).log([1, 2, 4], 3));
  bench.step(node.log([1, 2, 4]));
  invariant.sent?.(node, acknowledgement(node, 3, 4));
  bench.step(node.inTerm(6).log([1, 5], 2));
});

test("the state takes the place of the log's beginning", () => {
  const { bench, node } = ready();
  node.base = { index: 5, term: 3 };
  bench.step(node.log([]));
  bench.start(node.restart());
  node.base = { index: 9, term: 4 };
  bench.start(node.inTerm(4).log([]).restart());
});

test("a snapshot takes the place of entries that differ from it", () => {
  const { bench, node } = ready();
  node.base = { index: 4, term: 4 };
  bench.step(node.inTerm(4).log([]));
});

test("a rejection, and an acknowledgement of an earlier term that left late, promise nothing", () => {
  const { node, invariant } = ready();
  invariant.sent?.(node, { ...acknowledgement(node, 1, 9), reject: true });
  invariant.sent?.(node.inTerm(4), acknowledgement(node, 1, 9, 3));
});

test("an acknowledgement leaves before its entries are durable", () => {
  const { bench, node, invariant } = ready();
  bench.step(node.log([1, 2, 3, 3, 3], 5));
  expect(() => invariant.sent?.(node, acknowledgement(node, 1, 6))).toThrow(
    "acknowledged-is-stable: node 2 acknowledges its log up to 6 in term 3 to node 1, but its disk holds it up to 5, and term 3",
  );
});

test("an acknowledgement leaves before its term is durable", () => {
  const { bench, node, invariant } = ready();
  node.term = 4;
  bench.step(node);
  expect(() => invariant.sent?.(node, acknowledgement(node, 1, 5))).toThrow(
    "node 2 acknowledges its log up to 5 in term 4 to node 1, but its disk holds it up to 5, and term 3",
  );
});

test("a stale append cuts off what was acknowledged", () => {
  const { bench, node } = ready();
  expect(() => {
    bench.step(node.log([1, 2, 3]));
  }).toThrow("node 2 (term 3) acknowledged in term 3 its log up to 5, but now its log ends at 4");
});

test("an acknowledged entry is overwritten in the term of the acknowledgement", () => {
  const invariant = acknowledgedIsStable();
  const node = new HandMadeNode(2).inTerm(3).log([1, 2]);
  const bench = new Bench(invariant, [node]);
  bench.start(node);
  invariant.sent?.(node, acknowledgement(node, 1, 3));
  expect(() => {
    bench.step(node.log([1, 3]));
  }).toThrow(
    "node 2 (term 3) acknowledged in term 3 its log up to 3, but without a later term entry 3 is now one of term 3",
  );
});

test("a restart loses what was acknowledged", () => {
  const { bench, node } = ready();
  node.stableIndex = 4;
  expect(() => {
    bench.start(node.restart());
  }).toThrow(
    "node 2 (term 3, started again in life 2) acknowledged in term 3 its log up to 5, but now its log ends at 4",
  );
});

test("a restart in a later term is no excuse for a log that is only shorter", () => {
  const { bench, node } = ready();
  node.inTerm(4).stableIndex = 4;
  expect(() => {
    bench.start(node.restart());
  }).toThrow("now its log ends at 4");
});

test("a restart loses what nobody was told of, but was durable", () => {
  const { bench, node } = ready();
  bench.step(node.log([1, 2, 3, 3, 3]));
  node.stableIndex = 5;
  expect(() => {
    bench.start(node.restart());
  }).toThrow(
    "node 2 (term 3, started again in life 2) had on disk its log up to 6, but now its log ends at 5",
  );
});

test("a restart brings back what was overwritten and acknowledged again", () => {
  const { bench, node, invariant } = ready();
  bench.step(node.inTerm(4).log([1, 2, 4]));
  invariant.sent?.(node, acknowledgement(node, 1, 4));
  expect(() => {
    bench.start(node.restart().log([1, 2, 3, 3]));
  }).toThrow(
    "acknowledged in term 4 its log up to 4, but without a later term entry 4 is now one of term 3",
  );
});

test("earlier acknowledgements of more still hold", () => {
  const { bench, node, invariant } = ready();
  bench.step(node.inTerm(4));
  invariant.sent?.(node, acknowledgement(node, 1, 3));
  bench.start(node.restart());
  expect(() => {
    bench.step(node.log([1, 2, 3]));
  }).toThrow("acknowledged in term 3 its log up to 5, but now its log ends at 4");
});

test("a wiped disk owes nothing", () => {
  const { bench, node } = ready();
  node.incarnation = 2;
  bench.start(node.log([]));
});

test("a crash comes before a snapshot has taken the place of the log", () => {
  const { bench, node } = ready();
  const { base } = node;
  node.base = { index: 9, term: 3 };
  bench.step(node.log([], 5));
  node.base = base;
  bench.start(node.log([1, 2, 3, 3]).restart());
  node.stableIndex = 4;
  node.base = { index: 9, term: 3 };
  bench.step(node.log([], 4));
  node.base = base;
  expect(() => {
    bench.start(node.log([1, 2, 3]).restart());
  }).toThrow("acknowledged in term 3 its log up to 5, but now its log ends at 4");
});
