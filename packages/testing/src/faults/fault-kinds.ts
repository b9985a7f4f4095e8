/** A fault that comes with messages, by chance, all the time. */
export type NetworkFault =
  | "message-loss"
  | "message-duplication"
  | "message-reordering"
  | "message-delay"
  | "connection-reset";

/** A fault that disks show, by chance, all the time. */
export type DiskFault = "sync-error" | "disk-stall" | "read-error";

/** A fault that is done to the cluster at a certain time. */
export type PlannedFaultKind =
  | "partition"
  | "one-way-partition"
  | "isolated-leader"
  | "crash"
  | "power-loss"
  | "power-loss-of-all"
  | "pause"
  | "event-loop-stall"
  | "clock-jump"
  | "clock-drift"
  | "disk-full"
  | "misdirected-write"
  | "corruption"
  | "wiped-disk";

/** A fault that the simulator knows; README, "Faults", says what each does. */
export type FaultKind = NetworkFault | DiskFault | PlannedFaultKind;

export const NETWORK_FAULTS: readonly NetworkFault[] = [
  "message-loss",
  "message-duplication",
  "message-reordering",
  "message-delay",
  "connection-reset",
];

export const DISK_FAULTS: readonly DiskFault[] = ["sync-error", "disk-stall", "read-error"];

export const PLANNED_FAULTS: readonly PlannedFaultKind[] = [
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
];

export const ALL_FAULTS: readonly FaultKind[] = [
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...PLANNED_FAULTS,
];
