/**
 * What proves Holdfast, for embedders' own state machines too: a simulator that runs the production code under faults grown from one seed.
 *
 * @packageDocumentation
 */
export { ProcessDied } from "./cluster/host.ts";
export type { CommonSettings } from "./cluster/cluster.ts";
export type { DiskFault, FaultKind, NetworkFault, PlannedFaultKind } from "./faults/fault-kinds.ts";
export { explainSeed, runSeed, type SeedOutcome } from "./seeds.ts";
export {
  simulate,
  SimulationFailure,
  type SimulateOptions,
  type SimulationReport,
} from "./simulate.ts";
export type { ExplainOptions, Explanation } from "./simulation/explain.ts";
export { isWorkloadName, type WorkloadName } from "./workloads/all.ts";
export type {
  OperationCounts,
  SimulatedClient,
  SimulatedWorkload,
} from "./workloads/machine-workload.ts";
