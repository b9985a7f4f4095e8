import { expect, onTestFinished, test } from "vitest";
import { inspect } from "../../src/inspection.ts";
import { Cluster, eventually } from "./cluster-fixture.ts";

test("an inspection follows a node for one life", async () => {
  const cluster = await Cluster.start(1);
  onTestFinished(() => cluster.destroy());
  const node = cluster.node(1);
  const inspection = inspect(node);
  if (inspection === undefined) throw new Error("the node is open");
  expect(inspect(node)).toBe(inspection);
  await node.db.put("a", "1");
  const { id, role, leader, vote, term, firstIndex, lastIndex } = inspection;
  expect([id, role, leader, vote, firstIndex]).toEqual([1, "leader", 1, 1, 2]);
  expect([inspection.stableIndex, inspection.commit]).toEqual([lastIndex, lastIndex]);
  expect(inspection.durable).toMatchObject({ term, vote: 1 });
  expect(inspection.confState.voters).toEqual([1]);
  expect(inspection.machine).toMatchObject({ index: lastIndex, term });
  expect(inspection.machine.stateHash).toHaveLength(32);
  expect(inspection.termOf(lastIndex)).toBe(term);
  expect(inspection.entry(lastIndex)).toMatchObject({ type: "Normal", term });
  expect(inspection.termOf(lastIndex + 1)).toBeUndefined();
  expect(inspection.entry(lastIndex + 1)).toBeUndefined();
  expect(inspection.entry(0)).toBeUndefined();

  const before = Buffer.from(inspection.machine.stateHash);
  const written = node.db.put("b", "2");
  // Proposed at the end of this turn; the disk takes longer than that.
  await eventually("an entry that is not durable yet", () => inspection.lastIndex > lastIndex);
  const unstable = inspection.entry(lastIndex + 1);
  await written;
  expect(inspection.entry(lastIndex + 1)?.data).toEqual(unstable?.data);
  expect(inspection.stableIndex).toBe(lastIndex + 1);
  expect(Buffer.from(inspection.machine.stateHash).equals(before)).toBe(false);

  await node.close();
  expect(inspect(node)).toBeUndefined();
  await node.open();
  const next = inspect(node);
  expect(next).not.toBe(inspection);
  expect(next?.stableIndex).toBeGreaterThanOrEqual(lastIndex + 1);
  expect(next?.termOf(lastIndex)).toBe(term);
});

test("only nodes can be inspected", () => {
  expect(() => inspect({} as never)).toThrow(TypeError);
});
