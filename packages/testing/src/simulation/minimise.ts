import type { HoldfastNode } from "@holdfast/core";
import { DISK_FAULTS, NETWORK_FAULTS } from "../faults/fault-kinds.ts";
import type { Workload } from "../workloads/workload.ts";
import type { SimulationPlan } from "./plan.ts";
import { runPlan } from "./run.ts";

/** What {@link minimise} found. */
export interface MinimisedPlan {
  readonly plan: SimulationPlan;
  /** Simulations that it took. */
  readonly runs: number;
}

/** A plan that is smaller in one respect. */
type Shrink = (plan: SimulationPlan) => readonly SimulationPlan[];

/**
 * Takes out of a failing plan whatever the same invariant fails without: time, clients, kinds of chance faults, planned faults one by one (in halves
 * first, as delta debugging does). Stops after `maxRuns` simulations; what it returns has been seen to fail.
 */
export async function minimise<Node extends HoldfastNode>(
  failing: SimulationPlan,
  workload: Workload<Node>,
  maxRuns = 150,
): Promise<MinimisedPlan> {
  const first = await runPlan(failing, workload);
  const invariant = first.violation?.invariant;
  let plan = failing;
  let runs = 1;
  if (invariant === undefined) return { plan, runs };
  const attempts: readonly Shrink[] = [
    (from) => (first.simulatedMs < from.chaosMs ? [{ ...from, chaosMs: first.simulatedMs }] : []),
    withoutPlanned,
    withoutChance,
    withFewerClients,
    withoutPlanned,
  ];
  for (const shrink of attempts) {
    let candidates = shrink(plan);
    while (candidates.length > 0 && runs < maxRuns) {
      const [candidate, ...rest] = candidates;
      if (candidate === undefined) break;
      runs += 1;
      const { violation } = await runPlan(candidate, workload);
      if (violation?.invariant === invariant) {
        plan = candidate;
        candidates = shrink(plan);
      } else {
        candidates = rest;
      }
    }
  }
  return { plan, runs };
}

/** Halves, quarters, ... of the planned faults taken out, down to single ones. */
function withoutPlanned(plan: SimulationPlan): readonly SimulationPlan[] {
  const { planned } = plan;
  const candidates: SimulationPlan[] = [];
  for (let size = planned.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < planned.length; at += size) {
      const left = planned.filter((_, i) => i < at || i >= at + size);
      candidates.push({ ...plan, planned: left });
    }
  }
  return candidates;
}

function withoutChance(plan: SimulationPlan): readonly SimulationPlan[] {
  const { network, disks } = plan;
  return [
    ...NETWORK_FAULTS.filter((kind) => network[kind] > 0).map((kind) => ({
      ...plan,
      network: { ...network, [kind]: 0 },
    })),
    ...DISK_FAULTS.filter((kind) => disks[kind] > 0).map((kind) => ({
      ...plan,
      disks: { ...disks, [kind]: 0 },
    })),
  ];
}

function withFewerClients(plan: SimulationPlan): readonly SimulationPlan[] {
  return plan.clients > 1 ? [{ ...plan, clients: plan.clients - 1 }] : [];
}
