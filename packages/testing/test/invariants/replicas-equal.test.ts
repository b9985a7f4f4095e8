import { expect, test } from "vitest";
import { replicasEqual } from "../../src/invariants/replicas-equal.ts";
import { Bench, hashOf, HandMadeNode, voters } from "./hand-made.ts";

function at(id: number, index: number, hash: string): HandMadeNode {
  const node = new HandMadeNode(id);
  node.machine = { index, term: 1, stateHash: hashOf(hash) };
  node.confState = { ...voters([1, 2]), learners: [3] };
  return node;
}

function finish(...nodes: readonly HandMadeNode[]): () => void {
  return () => {
    new Bench(replicasEqual(), nodes).finish();
  };
}

test("members are equal; who was removed, is down or never joined does not count", () => {
  const removed = at(4, 5, "old");
  removed.confState = voters([1, 2, 4]);
  finish(at(1, 9, "nine"), at(2, 9, "nine"), at(3, 9, "nine"), removed)();
  finish()();
});

test("a member lags behind", () => {
  expect(finish(at(1, 9, "nine"), at(2, 8, "eight"))).toThrow(
    /^replicas-equal: all faults are over, but node 1 is at index 9 .*, and node 2 at index 8 /,
  );
});

test("a learner has another state", () => {
  expect(finish(at(1, 9, "nine"), at(2, 9, "nine"), at(3, 9, "six"))).toThrow(
    "node 1 is at index 9 with state 6e696e65",
  );
});

test("a member has another configuration", () => {
  const other = at(2, 9, "nine");
  other.confState = voters([1, 2, 3], [1, 2]);
  expect(finish(at(1, 9, "nine"), other)).toThrow(
    /voters \(1 2\), learners \(3\), and node 2 .* voters \(1 2 3\), outgoing \(1 2\)$/,
  );
});
