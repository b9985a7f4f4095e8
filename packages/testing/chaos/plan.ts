import { prng } from "@holdfast/platform";

/** Everything that can be done to a cluster of real processes. */
export const FAULT_KINDS = [
  "kill",
  "kill-all",
  "pause",
  "split",
  "one-way",
  "isolate-leader",
  "slow",
  "disk-full",
  "fsync",
  "clock",
] as const;

/** See {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One line for each kind, for people. */
export const FAULT_MEANING: Readonly<Record<FaultKind, string>> = {
  kill: "SIGKILL, started again at the end",
  "kill-all": "SIGKILL of all members at once, started again at the end",
  pause: "SIGSTOP, SIGCONT at the end",
  split: "partition: two members cut off from three",
  "one-way": "partition: a member sends, and hears nothing; or hears, and cannot send",
  "isolate-leader": "partition: the leader cut off from all others",
  slow: "every link of some members through a slow proxy",
  "disk-full": "the tmpfs with the member's data filled to the last byte",
  fsync: "every fdatasync of the member fails with EIO",
  clock: "the member's time of day jumps, or runs at another rate",
};

/** Two faults on the same of these would undo each other, or leave nothing to see. */
const CLASS: Readonly<Record<FaultKind, "process" | "network" | "disk" | "clock">> = {
  kill: "process",
  "kill-all": "process",
  pause: "process",
  split: "network",
  "one-way": "network",
  "isolate-leader": "network",
  slow: "network",
  "disk-full": "disk",
  fsync: "disk",
  clock: "clock",
};

/** Whom a fault strikes: the leader of the moment, or somebody else. Which member that is shows when it begins. */
export type Aim = "leader" | "other";

/** A fault with its beginning and its end, in milliseconds from the beginning of its group. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly beginMs: number;
  readonly endMs: number;
  readonly aim: Aim;
  /** For whatever else there is to choose. */
  readonly seed: number;
}

/** Faults that belong together: one alone, or two that overlap. */
export interface FaultGroup {
  /** So long the cluster is left alone before it. */
  readonly calmMs: number;
  readonly faults: readonly PlannedFault[];
}

/** How a run is divided. */
export interface PlanOptions {
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly durationMs: number;
}

const CALM_MS = { least: 2_000, most: 4_000 };
const FAULT_MS = { least: 4_000, most: 8_000 };

/**
 * The faults of a run, from its seed: first each kind alone, in an order drawn, then pairs that overlap, then alone again, as many groups as
 * fit into `durationMs`. Between groups there is calm, so that what a fault costs can be told from what the one before it cost.
 */
export function planFaults({ seed, kinds, durationMs }: PlanOptions): FaultGroup[] {
  const random = prng(seed);
  const planned: FaultGroup[] = [];
  let leftMs = durationMs;
  for (let round = 0; kinds.length > 0; round++) {
    for (const group of round % 2 === 0 ? alone(shuffled(kinds, random)) : pairs(kinds, random)) {
      const calmMs = random.integer(CALM_MS.least, CALM_MS.most);
      let beginMs = 0;
      const faults = group.map((kind) => {
        const fault = drawFault(kind, beginMs, random);
        beginMs += random.integer(500, 2_500);
        return fault;
      });
      leftMs -= calmMs + Math.max(...faults.map(({ endMs }) => endMs));
      if (leftMs < 0) return planned;
      planned.push({ calmMs, faults });
    }
  }
  return planned;
}

function drawFault(kind: FaultKind, beginMs: number, random: Draw): PlannedFault {
  return {
    kind,
    beginMs,
    endMs: beginMs + random.integer(FAULT_MS.least, FAULT_MS.most),
    aim: random.integer(0, 2) === 0 ? "leader" : "other",
    seed: random.integer(0, 2 ** 32),
  };
}

type Draw = Pick<ReturnType<typeof prng>, "integer">;

function alone(kinds: readonly FaultKind[]): FaultKind[][] {
  return kinds.map((kind) => [kind]);
}

/** Every kind once, with a partner of another class where there is one. */
function pairs(kinds: readonly FaultKind[], random: Draw): FaultKind[][] {
  return shuffled(kinds, random).map((kind) => {
    const partners = kinds.filter((other) => CLASS[other] !== CLASS[kind]);
    const partner = partners[partners.length === 0 ? 0 : random.integer(0, partners.length)];
    return partner === undefined ? [kind] : [kind, partner];
  });
}

function shuffled<T>(items: readonly T[], random: Draw): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.integer(0, left.length), 1)).flat();
}
