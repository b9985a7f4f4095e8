import type { DatabaseNode } from "@holdfast/core";
import { kvWorkload } from "./kv-workload.ts";
import type { Workload } from "./workload.ts";

/**
 * What `pnpm sim --workload` knows. What comes to the node later (sessions, watches, leases, groups, witnesses) adds its workload here, its
 * invariants to invariants/all.ts and its mutants to the folder of the mutants.
 */
export const WORKLOADS: Readonly<Record<WorkloadName, Workload<DatabaseNode>>> = {
  kv: kvWorkload({ name: "kv", padding: 20, shape: { actions: { transfer: 0.4 } } }),
  membership: kvWorkload({
    name: "membership",
    padding: 20,
    shape: { actions: { "add-member": 1.2, "remove-member": 1, transfer: 1.2 } },
  }),
  snapshots: kvWorkload({
    name: "snapshots",
    padding: 2_000,
    shape: {
      actions: { "add-member": 0.3, transfer: 0.3 },
      settings: {
        checkpoint: { snapshotThreshold: 8, compactionOverhead: 1 },
        log: { retainBytes: 1_024, retainForFollowersBytes: 1_024, cacheBytes: 2_048 },
      },
    },
  }),
};

/** The name of a built-in workload. */
export type WorkloadName = "kv" | "membership" | "snapshots";

/** Whether there is a workload of this name. */
export function isWorkloadName(name: string): name is WorkloadName {
  return Object.hasOwn(WORKLOADS, name);
}
