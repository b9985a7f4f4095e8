import type { HistoryOperation, HistoryRevision } from "@holdfast/testing/history";
import { HistoryRecorder } from "@holdfast/testing/history";
import { describe, expect, test } from "vitest";
import { Promises } from "../../chaos/replica-check.ts";

/** Records operations one after the other; without a revision: outcome unknown. */
function history(
  ...operations: readonly (readonly [HistoryOperation, HistoryRevision | "fail" | undefined])[]
): Promises {
  const recorder = new HistoryRecorder({ now: () => 0 });
  for (const [operation, end] of operations) {
    const id = recorder.invoke(1, operation);
    if (end === "fail") recorder.fail(id);
    else if (end === undefined) recorder.unknown(id);
    else recorder.ok(id, { type: "write", revision: end });
  }
  return new Promises(recorder.events);
}

const put = (key: string, value: string) => ({ type: "put", key, value }) as const;
const remove = (key: string) => ({ type: "delete", key }) as const;
const at = (index: number, position = 0): HistoryRevision => ({ index, position });
const row = (key: string, value: string, index: number, position = 0) => ({
  key,
  value,
  modify: at(index, position),
});

describe("what a history promises of every replica", () => {
  test("holds when each key is as last acknowledged", () => {
    const promises = history([put("a", "1"), at(5)], [put("a", "2"), at(6)], [remove("b"), at(7)]);
    expect(promises.acknowledgedWrites).toBe(3);
    expect(promises.broken([row("a", "2", 6)])).toEqual([]);
  });

  test("goes by revisions, not by the order of the answers", () => {
    const promises = history([put("a", "later"), at(6, 1)], [put("a", "earlier"), at(6, 0)]);
    expect(promises.broken([row("a", "later", 6, 1)])).toEqual([]);
    expect(promises.broken([row("a", "earlier", 6, 0)])).toHaveLength(1);
  });

  test("is broken by an acknowledged write that is not there", () => {
    expect(history([put("a", "1"), at(5)]).broken([])).toEqual([
      'a: is absent, acknowledged was "1", and nobody else wrote it',
    ]);
  });

  test("is broken by an acknowledged delete that had no effect", () => {
    const promises = history([put("a", "1"), at(5)], [remove("a"), at(6)]);
    expect(promises.broken([row("a", "1", 5)])).toEqual([
      "a: is as at 5.0, but a write was acknowledged at 6.0",
    ]);
  });

  test("is broken by the right revision with the wrong value", () => {
    expect(history([put("a", "1"), at(5)]).broken([row("a", "x", 5)])).toHaveLength(1);
  });

  test("is broken by what nobody wrote, and by what failed", () => {
    expect(history().broken([row("a", "1", 5)])).toEqual(["a: nobody wrote it"]);
    expect(history([put("a", "1"), "fail"]).broken([row("a", "1", 5)])).toHaveLength(1);
  });

  test("allows a write with unknown outcome to have taken effect, or not", () => {
    const promises = history([put("a", "1"), at(5)], [put("a", "2"), undefined]);
    expect(promises.broken([row("a", "1", 5)])).toEqual([]);
    expect(promises.broken([row("a", "2", 9)])).toEqual([]);
    expect(promises.broken([row("a", "2", 4)])).toHaveLength(1);
    expect(promises.broken([])).toHaveLength(1);
  });

  test("allows a delete with unknown outcome to have removed the key", () => {
    expect(history([put("a", "1"), at(5)], [remove("a"), undefined]).broken([])).toEqual([]);
  });

  test("lets the last change of a key in a batch win", () => {
    const batch = {
      type: "batch",
      changes: [put("a", "1"), put("b", "1"), put("a", "2")],
    } as const;
    const promises = history([batch, at(5)]);
    expect(promises.broken([row("a", "2", 5), row("b", "1", 5)])).toEqual([]);
    expect(promises.broken([row("a", "2", 5)])).toHaveLength(1);
  });
});
