import type { Random } from "@holdfast/platform";
import type { CommonSettings } from "../cluster/cluster.ts";
import { between, chance } from "../faults/chance.ts";
import {
  ALL_FAULTS,
  type DiskFault,
  DISK_FAULTS,
  type FaultKind,
  type NetworkFault,
  NETWORK_FAULTS,
  PLANNED_FAULTS,
  type PlannedFaultKind,
} from "../faults/fault-kinds.ts";

/** Something that is done to the cluster. What it is done to is decided when it happens, by `draw`. */
export interface PlannedFault {
  readonly at: number;
  readonly kind: PlannedFaultKind | OperatorAction;
  readonly durationMs: number;
  /** A seed of its own, so that leaving other faults out does not change this one. */
  readonly draw: number;
}

/** What operators do while faults come. */
export type OperatorAction = "add-member" | "remove-member" | "transfer";

/** All that a seed decides before the first event. A failing run is shrunk by taking things out of it. */
export interface SimulationPlan {
  readonly seed: number;
  readonly nodes: number;
  readonly chaosMs: number;
  readonly clients: number;
  readonly settings: CommonSettings;
  /** One-way delay of a message: at least, and on average. */
  readonly delayMs: { readonly min: number; readonly mean: number };
  /** Probabilities, per message and per operation of a disk. */
  readonly network: Readonly<Record<NetworkFault, number>>;
  readonly disks: Readonly<Record<DiskFault, number>>;
  readonly planned: readonly PlannedFault[];
}

/** What a workload wants of the plan. */
export interface PlanShape {
  readonly nodes?: number;
  readonly faults?: readonly FaultKind[];
  readonly chaosMs?: number;
  readonly clients?: number;
  readonly settings?: CommonSettings;
  /** How often, per second, operators do these. */
  readonly actions?: Readonly<Partial<Record<OperatorAction, number>>>;
}

/** Most that a continuous fault can reach. */
const NETWORK_LIMITS: Readonly<Record<NetworkFault, number>> = {
  "message-loss": 0.2,
  "message-duplication": 0.2,
  "message-reordering": 0.2,
  "message-delay": 0.1,
  "connection-reset": 0.01,
};
const DISK_LIMITS: Readonly<Record<DiskFault, number>> = {
  "sync-error": 0.003,
  "disk-stall": 0.01,
  "read-error": 0.01,
};

/** Most often that a planned fault comes, per second of the chaos. */
const RATES: Readonly<Record<PlannedFaultKind, number>> = {
  partition: 0.6,
  "one-way-partition": 0.6,
  "isolated-leader": 0.6,
  crash: 1,
  "power-loss": 0.8,
  "power-loss-of-all": 0.2,
  pause: 0.5,
  "event-loop-stall": 0.6,
  "clock-jump": 0.4,
  "clock-drift": 0.4,
  "disk-full": 0.3,
  "misdirected-write": 0.2,
  corruption: 0.2,
  "wiped-disk": 0.2,
};

/** Draws a plan. Each kind of fault is left out of every second plan, so that no fault hides what another would show. */
export function drawPlan(seed: number, random: Random, shape: PlanShape): SimulationPlan {
  const wanted = new Set(shape.faults ?? ALL_FAULTS);
  const chaosMs = shape.chaosMs ?? 1_000 + random.integer(0, 4_000);
  const network = drawProbabilities(random, NETWORK_FAULTS, NETWORK_LIMITS, wanted);
  const disks = drawProbabilities(random, DISK_FAULTS, DISK_LIMITS, wanted);
  const nodes = shape.nodes ?? drawNodes(random);
  const settings = drawSettings(random);
  const planned: PlannedFault[] = [];
  for (const kind of PLANNED_FAULTS) {
    const rate = chance(random, 0.5) ? RATES[kind] * between(random, 0.2, 1) : 0;
    const times = drawTimes(random, rate, chaosMs);
    if (wanted.has(kind)) for (const at of times) planned.push(drawFault(random, kind, at));
  }
  for (const [kind, most] of Object.entries(shape.actions ?? {})) {
    const rate = most * between(random, 0.2, 1);
    for (const at of drawTimes(random, rate, chaosMs)) {
      planned.push(drawFault(random, kind as OperatorAction, at));
    }
  }
  planned.sort((a, b) => a.at - b.at);
  return {
    seed,
    nodes,
    chaosMs,
    clients: shape.clients ?? 2 + random.integer(0, 4),
    settings: mergeSettings(settings, shape.settings ?? {}),
    delayMs: drawDelay(random),
    network,
    disks,
    planned,
  };
}

function drawNodes(random: Random): number {
  return [1, 3, 3, 3, 3, 5, 5, 4, 2][random.integer(0, 9)] ?? 3;
}

function drawDelay(random: Random): SimulationPlan["delayMs"] {
  const min = between(random, 0.05, 3);
  return { min, mean: min + between(random, 0.1, 15) };
}

function drawProbabilities<Kind extends FaultKind>(
  random: Random,
  kinds: readonly Kind[],
  limits: Readonly<Record<Kind, number>>,
  wanted: ReadonlySet<FaultKind>,
): Record<Kind, number> {
  const drawn = kinds.map((kind): [Kind, number] => {
    const probability = chance(random, 0.5) ? limits[kind] * between(random, 0.05, 1) : 0;
    return [kind, wanted.has(kind) ? probability : 0];
  });
  return Object.fromEntries(drawn) as Record<Kind, number>;
}

function drawTimes(random: Random, perSecond: number, chaosMs: number): readonly number[] {
  if (perSecond === 0) return [];
  const times: number[] = [];
  const meanGap = 1_000 / perSecond;
  let at = between(random, 0, 2 * meanGap);
  while (at < chaosMs) {
    times.push(at);
    at += between(random, 0, 2 * meanGap);
  }
  return times;
}

function drawFault(random: Random, kind: PlannedFault["kind"], at: number): PlannedFault {
  const short = between(random, 5, 200);
  const long = between(random, 200, 2_500);
  return {
    at,
    kind,
    durationMs: chance(random, 0.4) ? short : long,
    draw: random.integer(0, 2 ** 31),
  };
}

/** Small limits, so that a short run reaches them: segments of a few batches, checkpoints and cuts of the log all the time. */
function drawSettings(random: Random): CommonSettings {
  const often = chance(random, 0.6);
  return {
    raft: {
      heartbeatMs: 50,
      electionMinMs: 200,
      electionMaxMs: 1_200,
      maxAppendEntries: 1 + random.integer(0, 16),
      maxInflightMessages: 1 + random.integer(0, 32),
    },
    replication: { batchSize: 1 + random.integer(0, 50) },
    log: {
      segmentBytes: 65_536,
      cacheBytes: often ? 4_096 : 1_048_576,
      retainBytes: often ? 1_024 : 1_048_576,
      retainForFollowersBytes: often ? 2_048 : 1_048_576,
    },
    checkpoint: {
      snapshotThreshold: often ? 5 + random.integer(0, 40) : 1_000,
      compactionOverhead: random.integer(0, 10),
    },
    timeouts: { proposalMs: 1_500, readMs: 1_500 },
    transport: {
      connectTimeoutMs: 300,
      handshakeTimeoutMs: 300,
      reconnectMinMs: 20,
      reconnectMaxMs: 200,
    },
  };
}

function mergeSettings(drawn: CommonSettings, wanted: CommonSettings): CommonSettings {
  const merged: Record<string, unknown> = { ...drawn };
  for (const [section, values] of Object.entries(wanted) as [keyof CommonSettings, unknown][]) {
    const before = drawn[section];
    merged[section] =
      typeof before === "object" && typeof values === "object" ? { ...before, ...values } : values;
  }
  return merged;
}
