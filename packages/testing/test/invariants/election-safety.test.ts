import { expect, test } from "vitest";
import { electionSafety } from "../../src/invariants/election-safety.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

function three(): { bench: Bench; one: HandMadeNode; two: HandMadeNode; three: HandMadeNode } {
  const [one, two, three] = [new HandMadeNode(1), new HandMadeNode(2), new HandMadeNode(3)];
  return { bench: new Bench(electionSafety(), [one, two, three]), one, two, three };
}

test("one leader in each term, and followers that know it", () => {
  const { bench, one, two } = three();
  bench.step(one.inTerm(2, "leader"));
  two.inTerm(2).leader = 1;
  bench.step(two, one, two);
  bench.step(two.inTerm(3, "leader"));
  // A leader that was deposed and does not know it yet.
  bench.step(one, two);
  one.inTerm(3).leader = 2;
  bench.step(one);
});

test("two nodes lead one term", () => {
  const { bench, one, three: other } = three();
  bench.step(one.inTerm(2, "leader"));
  expect(() => {
    bench.step(other.inTerm(2, "leader"));
  }).toThrow(
    "election-safety: two leaders in term 2: node 1 (seen at node 1) and node 3 (seen at node 3)",
  );
});

test("followers of one term follow different nodes", () => {
  const { bench, two, three: other } = three();
  two.inTerm(2).leader = 1;
  bench.step(two);
  other.inTerm(2).leader = 3;
  expect(() => {
    bench.step(other);
  }).toThrow("two leaders in term 2: node 1 (seen at node 2) and node 3 (seen at node 3)");
});

test("a node is elected twice in one term, because it forgot the first time", () => {
  const { bench, one } = three();
  bench.step(one.inTerm(2, "leader"));
  one.durable = { term: 1, vote: 0 };
  bench.step(one.restart());
  expect(() => {
    bench.step(one.inTerm(2, "leader"));
  }).toThrow("node 1 leads term 2 in its life 2 after it led the same term in its life 1");
});

test("the same leader seen by a follower first is one leader", () => {
  const { bench, one, two } = three();
  two.inTerm(2).leader = 1;
  bench.step(two);
  bench.step(one.inTerm(2, "leader"));
  bench.step(two, one);
});
