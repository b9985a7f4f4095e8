/**
 * What proves Holdfast, for embedders' own state machines too: a simulator that runs the production code under faults grown from one seed.
 *
 * @packageDocumentation
 */
export { explainSeed, runSeed, type SeedOutcome } from "./seeds.ts";
export type { ExplainOptions, Explanation } from "./simulation/explain.ts";
export { isWorkloadName, type WorkloadName } from "./workloads/all.ts";
