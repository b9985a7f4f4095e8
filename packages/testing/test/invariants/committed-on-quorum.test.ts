import { expect, test } from "vitest";
import { committedOnQuorum } from "../../src/invariants/committed-on-quorum.ts";
import { Bench, HandMadeNode, voters } from "./hand-made.ts";

interface Group {
  readonly bench: Bench;
  readonly nodes: readonly [HandMadeNode, HandMadeNode, HandMadeNode, HandMadeNode, HandMadeNode];
}

function group(): Group {
  const nodes: Group["nodes"] = [
    new HandMadeNode(1),
    new HandMadeNode(2),
    new HandMadeNode(3),
    new HandMadeNode(4),
    new HandMadeNode(5),
  ];
  const bench = new Bench(committedOnQuorum(), nodes);
  bench.step(...nodes);
  return { bench, nodes };
}

test("most voters have it on disk", () => {
  const { bench, nodes } = group();
  const [one, two, three] = nodes;
  bench.step(one.inTerm(2, "leader").log([2, 2], 2), two.log([2, 2]), three.log([2]));
  bench.step(one.commits(2));
  bench.step(one.log([2, 2]).commits(3), three.commits(2));
});

test("an entry that is on one disk of three, and in the memory of another, is taken for committed", () => {
  const { bench, nodes } = group();
  const [one, two] = nodes;
  bench.step(one.inTerm(2, "leader").log([2]), two.log([2], 1));
  expect(() => {
    bench.step(one.commits(2));
  }).toThrow(
    "committed-on-quorum: node 1 (leader in term 2) takes entry 2 of term 2 for committed, but of the voters (1 2 3) only the disks of (1) hold it",
  );
});

test("an acknowledgement of another entry with this index is counted", () => {
  const { bench, nodes } = group();
  const [one, two] = nodes;
  bench.step(two.inTerm(2).log([2]));
  bench.step(one.inTerm(3, "leader").log([3]));
  expect(() => {
    bench.step(one.commits(2));
  }).toThrow("of the voters (1 2 3) only the disks of (1) hold it");
});

test("a node that is down counts with what is on its disk", () => {
  const { bench, nodes } = group();
  const [one, two] = nodes;
  bench.step(two.log([2, 2], 2));
  bench.start(two.restart());
  bench.step(one.inTerm(2, "leader").log([2, 2]));
  bench.step(one.commits(2));
  expect(() => {
    bench.step(one.commits(3));
  }).toThrow("takes entry 3 of term 2 for committed");
});

test("what a disk acknowledged before it was lost counts", () => {
  const { bench, nodes } = group();
  const [one, two] = nodes;
  bench.step(two.log([2]));
  two.incarnation = 2;
  bench.start(two.log([]));
  bench.step(one.inTerm(2, "leader").log([2]).commits(2));
});

test("a joint configuration needs most of both sets", () => {
  const { bench, nodes } = group();
  const [one, two, three, four] = nodes;
  for (const node of nodes) node.confState = voters([1, 4, 5], [1, 2, 3]);
  bench.step(...nodes);
  bench.step(one.inTerm(2, "leader").log([2, 2]), two.log([2]), three.log([2, 2]), four.log([2]));
  bench.step(one.commits(2));
  expect(() => {
    bench.step(one.commits(3));
  }).toThrow("of the voters (1 4 5)&&(1 2 3) only the disks of (1, 3) hold it");
});

test("the configuration changes in the step that commits", () => {
  const { bench, nodes } = group();
  const [one, two] = nodes;
  bench.step(one.inTerm(2, "leader").log([2]), two.log([2]));
  one.confState = voters([1, 3, 4, 5]);
  bench.step(one.commits(2));
});

test("learners do not count", () => {
  const { bench, nodes } = group();
  const [one, , , four] = nodes;
  one.confState = { ...voters([1, 2, 3]), learners: [4] };
  bench.step(one.inTerm(2, "leader").log([2]), four.log([2]));
  expect(() => {
    bench.step(one.commits(2));
  }).toThrow("of the voters (1 2 3) only the disks of (1) hold it");
});

test("a follower that is seen first may know an older configuration than its leader did", () => {
  const { bench, nodes } = group();
  const [one, two, three, four, five] = nodes;
  one.confState = voters([1, 4, 5]);
  bench.step(one.inTerm(2, "leader").log([2]), four.log([2]));
  // The leader died when it had told one of the others.
  bench.step(five.log([2]).commits(2));
  bench.step(two.log([2, 2]));
  expect(() => {
    bench.step(three.inTerm(2).log([2, 2, 2]).commits(4));
  }).toThrow("node 3 (follower in term 2) takes entry 4 of term 2 for committed");
});

test("a node that begins behind a snapshot says nothing new", () => {
  const { bench, nodes } = group();
  const [one] = nodes;
  one.base = { index: 9, term: 3 };
  bench.step(one.inTerm(3).log([]).commits(9));
});
