import { describe, expect, test } from "vitest";
import { FAULT_KINDS, type FaultKind, type PlannedFault, planFaults } from "../../chaos/plan.ts";

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

const overlaps = (a: PlannedFault, b: PlannedFault): boolean =>
  a.beginMs < b.endMs && b.beginMs < a.endMs;

const NETWORK: readonly FaultKind[] = ["split", "one-way", "isolate-leader", "slow"];

describe("the plan of faults", () => {
  test("comes from the seed alone", () => {
    const options = { seed: 7, kinds: FAULT_KINDS, durationMs: 300_000 };
    expect(planFaults(options)).toEqual(planFaults(options));
    expect(planFaults(options)).not.toEqual(planFaults({ ...options, seed: 8 }));
  });

  test.each(SEEDS)("strikes with every kind alone first, then with pairs (seed %i)", (seed) => {
    const plan = planFaults({ seed, kinds: FAULT_KINDS, durationMs: 600_000 });
    const first = plan.slice(0, FAULT_KINDS.length);
    expect(first.map(({ kind }) => kind).sort()).toEqual([...FAULT_KINDS].sort());
    for (const fault of first) {
      expect(plan.filter((other) => other !== fault && overlaps(fault, other))).toEqual([]);
    }
    expect(plan.some((one) => plan.some((other) => one !== other && overlaps(one, other)))).toBe(
      true,
    );
  });

  test.each(SEEDS)("never has two faults at once that would undo each other (seed %i)", (seed) => {
    const plan = planFaults({ seed, kinds: FAULT_KINDS, durationMs: 600_000 });
    for (const [i, one] of plan.entries()) {
      for (const other of plan.slice(i + 1).filter((later) => overlaps(one, later))) {
        expect(one.kind).not.toBe(other.kind);
        expect(NETWORK.includes(one.kind) && NETWORK.includes(other.kind)).toBe(false);
      }
    }
  });

  test.each(SEEDS)("has an end for every fault, within the run (seed %i)", (seed) => {
    const plan = planFaults({ seed, kinds: ["kill", "split"], durationMs: 60_000 });
    expect(plan.length).toBeGreaterThan(0);
    for (const { beginMs, endMs } of plan) {
      expect(endMs).toBeGreaterThan(beginMs);
      expect(endMs).toBeLessThanOrEqual(60_000);
    }
  });

  test("is empty without kinds, or without time", () => {
    expect(planFaults({ seed: 1, kinds: [], durationMs: 60_000 })).toEqual([]);
    expect(planFaults({ seed: 1, kinds: FAULT_KINDS, durationMs: 1_000 })).toEqual([]);
  });
});
