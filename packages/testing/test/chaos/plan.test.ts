import { describe, expect, test } from "vitest";
import {
  FAULT_KINDS,
  type FaultGroup,
  type FaultKind,
  type PlannedFault,
  planFaults,
} from "../../chaos/plan.ts";

const SEEDS = Array.from({ length: 50 }, (_, seed) => seed);

const overlaps = (a: PlannedFault, b: PlannedFault): boolean =>
  a.beginMs < b.endMs && b.beginMs < a.endMs;

const lengthMs = ({ calmMs, faults }: FaultGroup): number =>
  calmMs + Math.max(...faults.map(({ endMs }) => endMs));

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
    expect(first.flatMap(({ faults }) => faults.map(({ kind }) => kind)).sort()).toEqual(
      [...FAULT_KINDS].sort(),
    );
    const second = plan.slice(FAULT_KINDS.length, 2 * FAULT_KINDS.length);
    for (const { faults } of second) {
      const [one, other] = faults;
      expect(one && other && overlaps(one, other)).toBe(true);
    }
  });

  test.each(SEEDS)("never has two faults at once that would undo each other (seed %i)", (seed) => {
    for (const { faults } of planFaults({ seed, kinds: FAULT_KINDS, durationMs: 600_000 })) {
      expect(new Set(faults.map(({ kind }) => kind)).size).toBe(faults.length);
      expect(faults.filter(({ kind }) => NETWORK.includes(kind)).length).toBeLessThan(2);
    }
  });

  test.each(SEEDS)("leaves calm before every group, and fits into its time (seed %i)", (seed) => {
    const plan = planFaults({ seed, kinds: ["kill", "split"], durationMs: 60_000 });
    expect(plan.length).toBeGreaterThan(2);
    expect(plan.reduce((sum, group) => sum + lengthMs(group), 0)).toBeLessThanOrEqual(60_000);
    for (const { calmMs, faults } of plan) {
      expect(calmMs).toBeGreaterThan(0);
      for (const { beginMs, endMs } of faults) expect(endMs).toBeGreaterThan(beginMs);
    }
  });

  test("is empty without kinds, or without time", () => {
    expect(planFaults({ seed: 1, kinds: [], durationMs: 60_000 })).toEqual([]);
    expect(planFaults({ seed: 1, kinds: FAULT_KINDS, durationMs: 1_000 })).toEqual([]);
  });
});
