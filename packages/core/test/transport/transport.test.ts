import { afterEach, expect, test } from "vitest";
import type { Heartbeat, Message } from "raft-ts-lite";
import { openEntry, sealEntry } from "../../src/format/sealed-entry.ts";
import { closeNodes, startNode } from "./cluster-fixture.ts";

afterEach(closeNodes);

function heartbeat(from: number, to: number, commit: number): Heartbeat {
  return { type: "Heartbeat", from, to, term: 3, commit, readToken: "" };
}

test("what is sent in one turn arrives as one frame per group, in order", async () => {
  const [one, two] = await Promise.all([startNode(1), startNode(2)]);
  one.transport.setPeer(2, two.transport.advertised);
  await one.connected.count(1);
  for (let i = 0; i < 100; i++) one.transport.send(2, i % 2, heartbeat(1, 2, i));
  const frames = await two.received.count(2);
  expect(frames.map(({ from, group, messages }) => [from, group, messages.length])).toEqual([
    [1, 0, 50],
    [1, 1, 50],
  ]);
  const commits = frames.map(({ messages }) => messages.map((m) => (m as Heartbeat).commit));
  expect(commits[0]).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
  expect(commits[1]).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i + 1));
});

test("messages sent before the first connection are delivered once it is there", async () => {
  const [one, two] = await Promise.all([startNode(1), startNode(2)]);
  one.transport.setPeer(2, two.transport.advertised);
  expect(one.transport.send(2, 0, heartbeat(1, 2, 9))).toBe(true);
  await two.received.count(1);
  expect(two.messages).toEqual([heartbeat(1, 2, 9)]);
});

test("entries arrive with the bytes that were sealed", async () => {
  const [one, two] = await Promise.all([startNode(1), startNode(2)]);
  one.transport.setPeer(2, two.transport.advertised);
  const entry = openEntry(
    sealEntry(
      { type: "Normal", term: 3, index: 8, data: Buffer.from("payload") },
      { logTime: 5, epoch: 0, batches: 1 },
    ),
  );
  const message: Message = {
    type: "AppendEntries",
    from: 1,
    to: 2,
    term: 3,
    logTerm: 2,
    index: 7,
    entries: [entry],
    commit: 6,
  };
  one.transport.send(2, 0, message);
  await two.received.count(1);
  expect(two.messages).toEqual([message]);
});
