import { expect, test } from "vitest";
import type { Invariant } from "../../src/invariants/invariant.ts";
import { readsNeverGoBack } from "../../src/invariants/reads-never-go-back.ts";

function read(invariant: Invariant, id: number, readIndex: number): void {
  invariant.settled?.({ id, outcome: "ok", readIndex });
}

test("a read sees what had ended when it began, and need not see what ended since", () => {
  const invariant = readsNeverGoBack();
  invariant.began?.({ id: 1 });
  invariant.began?.({ id: 2 });
  invariant.settled?.({ id: 1, outcome: "ok", revision: { index: 9, position: 0 } });
  read(invariant, 2, 8);
  invariant.began?.({ id: 3 });
  read(invariant, 3, 9);
});

test("a read misses a write that had succeeded", () => {
  const invariant = readsNeverGoBack();
  invariant.began?.({ id: 1 });
  invariant.settled?.({ id: 1, outcome: "ok", revision: { index: 9, position: 0 } });
  invariant.began?.({ id: 2 });
  expect(() => {
    read(invariant, 2, 8);
  }).toThrow(
    "reads-never-go-back: read 2 saw the state at index 8, but operation 1, which had ended when it began, was at index 9",
  );
});

test("a read sees less than an earlier one", () => {
  const invariant = readsNeverGoBack();
  invariant.began?.({ id: 1 });
  read(invariant, 1, 12);
  invariant.began?.({ id: 2 });
  expect(() => {
    read(invariant, 2, 11);
  }).toThrow("read 2 saw the state at index 11, but operation 1");
});

test("an operation without a result says nothing", () => {
  const invariant = readsNeverGoBack();
  invariant.began?.({ id: 1 });
  invariant.settled?.({ id: 1, outcome: "unknown" });
  invariant.began?.({ id: 2 });
  read(invariant, 2, 1);
});
