import { expect, test } from "vitest";
import type { Invariant } from "../../src/invariants/invariant.ts";
import { settlesOnce } from "../../src/invariants/settles-once.ts";

function begun(...ids: readonly number[]): Invariant {
  const invariant = settlesOnce();
  for (const id of ids) invariant.began?.({ id });
  return invariant;
}

test("each operation ends once, with any outcome", () => {
  const invariant = begun(1, 2, 3, 4);
  invariant.settled?.({ id: 2, outcome: "unknown" });
  invariant.settled?.({ id: 1, outcome: "ok", revision: { index: 7, position: 0 } });
  invariant.settled?.({ id: 3, outcome: "not-committed" });
  invariant.settled?.({ id: 4, outcome: "ok", revision: { index: 7, position: 1 } });
  invariant.finished?.({ now: 0, nodes: [] });
});

test("an operation ends twice", () => {
  const invariant = begun(1);
  invariant.settled?.({ id: 1, outcome: "unknown" });
  expect(() => invariant.settled?.({ id: 1, outcome: "ok" })).toThrow(
    'settles-once: operation 1 ends with "ok" after it ended with "unknown"',
  );
});

test("an operation begins twice", () => {
  expect(() => begun(1, 1)).toThrow("operation 1 begins for the second time");
});

test("operations never end", () => {
  const invariant = begun(1, 2, 3);
  invariant.settled?.({ id: 2, outcome: "ok" });
  expect(() => invariant.finished?.({ now: 0, nodes: [] })).toThrow(
    "all faults are over, but these operations never ended: 1, 3",
  );
});

test("two writes are told the same revision", () => {
  const invariant = begun(1, 2);
  invariant.settled?.({ id: 1, outcome: "ok", revision: { index: 7, position: 2 } });
  const again = { id: 2, outcome: "ok" as const, revision: { index: 7, position: 2 } };
  expect(() => invariant.settled?.(again)).toThrow(
    "operations 1 and 2 were both told that they are command 2 of entry 7",
  );
});
