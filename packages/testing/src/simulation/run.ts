import type { HoldfastNode } from "@holdfast/core";
import type { TraceEvent } from "../trace/trace.ts";
import type { Workload } from "../workloads/workload.ts";
import { SimulatedWorld } from "../world/world.ts";
import { drawPlan, type SimulationPlan } from "./plan.ts";
import { Simulation, type SimulationOutcome } from "./simulation.ts";

/** The plan that a seed stands for. */
export function planOf<Node extends HoldfastNode>(
  seed: number,
  workload: Workload<Node>,
): SimulationPlan {
  return drawPlan(seed, new SimulatedWorld(seed).random("plan"), workload.shape);
}

/** Carries out a plan. */
export function runPlan<Node extends HoldfastNode>(
  plan: SimulationPlan,
  workload: Workload<Node>,
): Promise<SimulationOutcome> {
  return new Simulation(plan, workload).run();
}

/** Carries out a plan and keeps all that happened: slower. */
export async function tracePlan<Node extends HoldfastNode>(
  plan: SimulationPlan,
  workload: Workload<Node>,
): Promise<{ readonly outcome: SimulationOutcome; readonly trace: readonly TraceEvent[] }> {
  const trace: TraceEvent[] = [];
  const outcome = await new Simulation(plan, workload, (event) => {
    trace.push(event);
  }).run();
  return { outcome, trace };
}
