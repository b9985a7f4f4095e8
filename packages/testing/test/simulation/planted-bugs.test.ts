import { type DatabaseNode, openNode } from "@holdfast/core";
import type { Disk, DiskFile } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import type { NodeOpener } from "../../src/cluster/host.ts";
import { minimise } from "../../src/simulation/minimise.ts";
import type { SimulationPlan } from "../../src/simulation/plan.ts";
import { planOf, runPlan } from "../../src/simulation/run.ts";
import { WORKLOADS } from "../../src/workloads/all.ts";
import type { Workload } from "../../src/workloads/workload.ts";

/** The kv workload on nodes of an embedder who got something wrong. */
function broken(open: NodeOpener<DatabaseNode>): Workload<DatabaseNode> {
  return { ...WORKLOADS.kv, open };
}

/** The first seeds of a bug, and what they broke. */
async function hunt(
  workload: Workload<DatabaseNode>,
  seeds: number,
): Promise<{ readonly plan: SimulationPlan; readonly invariant: string } | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const plan = planOf(seed, workload);
    const { violation } = await runPlan(plan, workload);
    if (violation !== undefined) return { plan, invariant: violation.invariant };
  }
  return undefined;
}

function withFiles(disk: Disk, change: (file: DiskFile) => DiskFile): Disk {
  // The methods of a disk live on its prototype.
  return new Proxy(disk, {
    get: (target, name) => {
      if (name === "open") {
        return async (...args: Parameters<Disk["open"]>) => change(await target.open(...args));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A disk driver that says "durable" when the bytes are only on their way. */
const withoutSync = broken(({ settings, platform, process, stores }) => {
  const disk = withFiles(platform.disk, (file) => ({
    read: (...args) => file.read(...args),
    write: (...args) => file.write(...args),
    truncate: (...args) => file.truncate(...args),
    size: () => file.size(),
    close: () => file.close(),
    appendAndSync: (...args) => file.write(...args),
    sync: () => Promise.resolve(),
  }));
  return openNode({ ...settings, platform: { ...platform, disk }, engine: stores.engine(process) });
});

/** A store that trusts what an OS crash left of its log. */
const withoutFallback = broken(({ settings, platform, process, stores }) => {
  const engine = stores.engine(process);
  return openNode({
    ...settings,
    platform,
    engine: { open: (context) => engine.open({ ...context, lostUnsynced: false }) },
  });
});

describe("the simulator finds", () => {
  it("a disk that is not synced, and makes the run that shows it smaller", async () => {
    const found = await hunt(withoutSync, 60);
    expect(found).toBeDefined();
    if (found === undefined) return;
    const { plan } = await minimise(found.plan, withoutSync, 40);
    expect(plan.planned.length).toBeLessThanOrEqual(found.plan.planned.length);
    const { violation } = await runPlan(plan, withoutSync);
    expect(violation?.invariant).toBe(found.invariant);
  }, 240_000);

  it("a store that trusts what a power cut left of it", async () => {
    expect(await hunt(withoutFallback, 100)).toBeDefined();
  }, 240_000);
});
