/** Faults that come with messages, by chance, all the time. */
export const NETWORK_FAULTS = [
  "message-loss",
  "message-duplication",
  "message-reordering",
  "message-delay",
  "connection-reset",
] as const;

/** Faults that disks show, by chance, all the time. */
export const DISK_FAULTS = ["sync-error", "disk-stall", "read-error"] as const;

/** Faults that are done to the cluster at a certain time. */
export const PLANNED_FAULTS = [
  "partition",
  "one-way-partition",
  "isolated-leader",
  "crash",
  "power-loss",
  "power-loss-of-all",
  "pause",
  "event-loop-stall",
  "clock-jump",
  "clock-drift",
  "disk-full",
  "misdirected-write",
  "corruption",
  "wiped-disk",
] as const;

/** A fault that the simulator knows; README, "Faults", says what each does. */
export type FaultKind =
  (typeof NETWORK_FAULTS)[number] | (typeof DISK_FAULTS)[number] | (typeof PLANNED_FAULTS)[number];

export type NetworkFault = (typeof NETWORK_FAULTS)[number];
export type DiskFault = (typeof DISK_FAULTS)[number];
export type PlannedFaultKind = (typeof PLANNED_FAULTS)[number];

export const ALL_FAULTS: readonly FaultKind[] = [
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...PLANNED_FAULTS,
];
