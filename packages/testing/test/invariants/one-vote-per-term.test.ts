import { expect, test } from "vitest";
import { oneVotePerTerm } from "../../src/invariants/one-vote-per-term.ts";
import { HandMadeNode, voteRequest, voteResponse } from "./hand-made.ts";

function voted(term: number, vote: number): HandMadeNode {
  const node = new HandMadeNode(2).inTerm(term);
  node.vote = vote;
  node.durable = { term, vote };
  return node;
}

test("one vote in each term, said as often as asked, and no vote at all", () => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 1);
  invariant.sent?.(node, voteResponse(node, 1));
  invariant.sent?.(node.restart(), voteResponse(node, 1));
  invariant.sent?.(node, voteResponse(node, 3, 5, true));
  invariant.sent?.(node, { ...voteRequest(node, 3, 6), type: "PreVote" });
  invariant.sent?.(node, { ...voteResponse(node, 3, 6), type: "PreVoteResponse" });
  const later = voted(6, 2);
  invariant.sent?.(later, voteRequest(later, 1));
  invariant.sent?.(later, voteRequest(later, 3));
  // A vote of before that was on its way out for long.
  invariant.sent?.(later, voteResponse(later, 1, 5));
});

test("a node votes for two candidates", () => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 1);
  invariant.sent?.(node, voteResponse(node, 1));
  node.restart().durable = { term: 5, vote: 3 };
  expect(() => invariant.sent?.(node, voteResponse(node, 3))).toThrow(
    "one-vote-per-term: node 2 (life 2) votes for node 3 in term 5, in which it voted for node 1",
  );
});

test("a candidate votes for another one", () => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 2);
  invariant.sent?.(node, voteRequest(node, 1));
  node.durable = { term: 5, vote: 3 };
  expect(() => invariant.sent?.(node, voteResponse(node, 3))).toThrow(
    "node 2 (life 1) votes for node 3 in term 5, in which it voted for node 2",
  );
});

test("what a wiped disk knew is not remembered", () => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 1);
  invariant.sent?.(node, voteResponse(node, 1));
  node.incarnation = 2;
  node.durable = { term: 5, vote: 3 };
  invariant.sent?.(node, voteResponse(node, 3));
});

test.each([
  ["its disk knows only term 4", { term: 4, vote: 0 }],
  ["its disk holds no vote", { term: 5, vote: 0 }],
  ["its disk holds a vote for node 3", { term: 5, vote: 3 }],
])("a vote leaves before it is durable: %s", (message, durable) => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 1);
  node.durable = durable;
  expect(() => invariant.sent?.(node, voteResponse(node, 1))).toThrow(
    `node 2 (life 1) sends its vote for node 1 in term 5, but ${message}`,
  );
});

test("a request for votes leaves before the candidate's own vote is durable", () => {
  const invariant = oneVotePerTerm();
  const node = voted(5, 2);
  node.durable = { term: 4, vote: 1 };
  expect(() => invariant.sent?.(node, voteRequest(node, 1))).toThrow(
    "node 2 (life 1) sends its vote for node 2 in term 5, but its disk knows only term 4",
  );
});
