import { expect, test } from "vitest";
import { monotonic } from "../../src/invariants/monotonic.ts";
import { Bench, hashOf, HandMadeNode } from "./hand-made.ts";

function ready(): { bench: Bench; node: HandMadeNode } {
  const node = new HandMadeNode(2).inTerm(5).log([1, 4, 5]).commits(4);
  node.vote = 3;
  node.durable = { term: 5, vote: 3 };
  node.applied = 4;
  node.machine = { index: 4, term: 5, stateHash: hashOf("four") };
  const bench = new Bench(monotonic(), [node]);
  bench.step(node);
  return { bench, node };
}

test("forward, and back to what was durable in a new life", () => {
  const { bench, node } = ready();
  bench.step(node.commits(5));
  node.term = 6;
  node.vote = 1;
  bench.step(node);
  node.applied = 1;
  node.machine = { index: 1, term: 1, stateHash: hashOf("one") };
  bench.step(node.restart().commits(1));
  expect([node.term, node.vote]).toEqual([5, 3]);
});

test("a wiped disk begins anew", () => {
  const { bench, node } = ready();
  const fresh = new HandMadeNode(2);
  fresh.incarnation = 2;
  bench.step(node, fresh);
});

test.each([
  [
    "the term of node 2 (life 1) went back from 5 to 4",
    (node: HandMadeNode) => {
      node.term = 4;
    },
  ],
  [
    "the commit index of node 2 (life 1) went back from 4 to 3",
    (node: HandMadeNode) => {
      node.commit = 3;
    },
  ],
  [
    "the applied index of node 2 (life 1) went back from 4 to 3",
    (node: HandMadeNode) => {
      node.applied = 3;
    },
  ],
  [
    "the state's index of node 2 (life 1) went back from 4 to 3",
    (node: HandMadeNode) => {
      node.machine = { index: 3, term: 5, stateHash: hashOf("three") };
    },
  ],
  [
    "the durable term of node 2 (life 1) went back from 5 to 4",
    (node: HandMadeNode) => {
      node.durable = { term: 4, vote: 3 };
    },
  ],
  [
    "the vote of node 2 (life 1) changed from node 3 to node 1 within term 5",
    (node: HandMadeNode) => {
      node.vote = 1;
    },
  ],
  [
    "the durable vote of node 2 (life 1) changed from node 3 to node 1 within term 5",
    (node: HandMadeNode) => {
      node.durable = { term: 5, vote: 1 };
    },
  ],
  [
    "the term, which is durable already, of node 2 (life 1) went back from 6 to 5",
    (node: HandMadeNode) => {
      node.durable = { term: 6, vote: 0 };
    },
  ],
])("%s", (message, breakIt) => {
  const { bench, node } = ready();
  breakIt(node);
  expect(() => {
    bench.step(node);
  }).toThrow(`monotonic: ${message}`);
});

test("a vote that is durable is not known to the node that starts with it", () => {
  const { bench, node } = ready();
  node.restart().vote = 0;
  expect(() => {
    bench.step(node);
  }).toThrow("the vote of node 2 (life 2) changed from node 3 to node 0 within term 5");
});

test("a durable term is forgotten by a restart", () => {
  const { bench, node } = ready();
  node.durable = { term: 4, vote: 0 };
  expect(() => {
    bench.step(node.restart());
  }).toThrow("the term of node 2 (life 2) went back from 5 to 4");
});
