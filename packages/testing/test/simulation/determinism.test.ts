import { describe, expect, it } from "vitest";
import { planOf, runPlan, tracePlan } from "../../src/simulation/run.ts";
import { formatTraceEvent } from "../../src/trace/trace.ts";
import { WORKLOADS, type WorkloadName } from "../../src/workloads/all.ts";

const names = Object.keys(WORKLOADS) as WorkloadName[];

describe("a seed", () => {
  it.each(names)("gives the same trace to the byte, with workload %s", async (name) => {
    const workload = WORKLOADS[name];
    for (const seed of [11, 12, 13]) {
      const [first, second] = [
        await tracePlan(planOf(seed, workload), workload),
        await tracePlan(planOf(seed, workload), workload),
      ];
      const lines = first.trace.map(formatTraceEvent);
      expect(lines.length).toBeGreaterThan(100);
      expect(second.trace.map(formatTraceEvent)).toEqual(lines);
      expect(second.outcome.digest).toBe(first.outcome.digest);
      // Whether somebody listens changes nothing.
      expect((await runPlan(planOf(seed, workload), workload)).digest).toBe(first.outcome.digest);
    }
  });

  it("gives another run than its neighbour", async () => {
    const workload = WORKLOADS.kv;
    const digests = await Promise.all([
      runPlan(planOf(1, workload), workload),
      runPlan(planOf(2, workload), workload),
    ]);
    expect(digests[0].digest).not.toBe(digests[1].digest);
  });

  it("keeps the rest of its plan when a kind of fault is taken out", () => {
    const { kv } = WORKLOADS;
    const whole = planOf(7, kv);
    const part = planOf(7, {
      ...kv,
      shape: { ...kv.shape, faults: ["crash", "message-loss", "power-loss", "partition"] },
    });
    const kinds = new Set(["crash", "power-loss", "partition", "transfer"]);
    expect(part.planned).toEqual(whole.planned.filter(({ kind }) => kinds.has(kind)));
    expect(part.network["message-loss"]).toBe(whole.network["message-loss"]);
    expect(part.settings).toEqual(whole.settings);
  });
});
