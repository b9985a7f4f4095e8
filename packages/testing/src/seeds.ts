import { explain, type ExplainOptions, type Explanation } from "./simulation/explain.ts";
import { planOf, runPlan } from "./simulation/run.ts";
import { type WorkloadName, WORKLOADS } from "./workloads/all.ts";

/** What came of one seed. */
export interface SeedOutcome {
  /** The first property that did not hold. */
  readonly violation: { readonly invariant: string; readonly message: string } | undefined;
  /** Faults that had an effect and rare branches that were taken, and how often. */
  readonly coverage: ReadonlyMap<string, number>;
  readonly events: number;
  /** Milliseconds that passed in the simulation. */
  readonly simulatedMs: number;
  /** Equal for equal runs. */
  readonly digest: string;
}

/** Simulates the database under everything that the seed draws: a cluster, faults, clients. The same seed always does the same. */
export async function runSeed(seed: number, workload: WorkloadName): Promise<SeedOutcome> {
  const chosen = WORKLOADS[workload];
  const outcome = await runPlan(planOf(seed, chosen), chosen);
  return { ...outcome, coverage: outcome.coverage.hits };
}

/** As {@link runSeed}, for people: with what happened, and a failing run made as small as possible. */
export async function explainSeed(
  seed: number,
  workload: WorkloadName,
  options?: ExplainOptions,
): Promise<Explanation> {
  return await explain(seed, WORKLOADS[workload], options);
}
