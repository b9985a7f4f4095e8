import { expect, test } from "vitest";
import { MemoryLogStorage, type Message, RawNode } from "raft-ts-lite";
import { holdVoteRequests } from "../../src/node/held-votes.ts";

const SHORTEST = { integer: (lo: number): number => lo };

function candidate(preVote: boolean): readonly Message[] {
  const storage = new MemoryLogStorage();
  const confState = { voters: [1, 2, 3], learners: [], votersOutgoing: [], learnersNext: [] };
  storage.applySnapshot({
    metadata: { index: 1, term: 1, confState: { ...confState, autoLeave: false } },
    data: new Uint8Array(0),
  });
  const raft = new RawNode({
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage,
    random: SHORTEST,
    applied: 1,
    asyncStorageWrites: true,
    preVote,
  });
  raft.campaign();
  return raft.ready().messages;
}

test("a request for votes leaves only with the answers to the write of its term", () => {
  const messages = candidate(false);
  expect(messages.filter(({ type }) => type === "RequestVote")).toHaveLength(2);
  const held = holdVoteRequests(messages);
  expect(held.map(({ type }) => type)).toEqual(["StorageAppend"]);
  const [append] = held;
  expect(append?.type === "StorageAppend" ? append.responses.map(({ to }) => to) : []).toEqual([
    1, 2, 3,
  ]);
});

test("a pre-vote promises nothing and waits for nothing", () => {
  const messages = candidate(true);
  expect(messages.some(({ type }) => type === "PreVote")).toBe(true);
  expect(holdVoteRequests(messages)).toBe(messages);
});
