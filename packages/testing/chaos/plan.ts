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

/** A fault with its beginning and its end, in milliseconds from the beginning of the run. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly beginMs: number;
  readonly endMs: number;
  readonly aim: Aim;
  /** For whatever else there is to choose. */
  readonly seed: number;
}

/** How a run is divided. */
export interface PlanOptions {
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly durationMs: number;
}

const CALM_MS = { first: 3_000, least: 2_500, most: 4_500 };
const FAULT_MS = { least: 4_000, most: 8_000 };

/**
 * The faults of a run, from its seed: first each kind alone, in an order drawn, then pairs that overlap, then alone again. After each
 * there is calm, so that what a fault costs can be told from what the one before it cost.
 */
export function planFaults({ seed, kinds, durationMs }: PlanOptions): PlannedFault[] {
  const random = prng(seed);
  const planned: PlannedFault[] = [];
  const draw = (kind: FaultKind, beginMs: number): PlannedFault => ({
    kind,
    beginMs,
    endMs: beginMs + random.integer(FAULT_MS.least, FAULT_MS.most),
    aim: random.integer(0, 2) === 0 ? "leader" : "other",
    seed: random.integer(0, 2 ** 32),
  });
  let at = CALM_MS.first;
  for (let round = 0; at < durationMs && kinds.length > 0; round++) {
    for (const group of round % 2 === 0 ? alone(shuffled(kinds, random)) : pairs(kinds, random)) {
      const faults: PlannedFault[] = [];
      for (const kind of group) {
        faults.push(draw(kind, at));
        at += random.integer(500, 2_500);
      }
      const endMs = Math.max(...faults.map((fault) => fault.endMs));
      // What does not fit any more is left out as a whole.
      if (endMs > durationMs) return planned;
      planned.push(...faults);
      at = endMs + random.integer(CALM_MS.least, CALM_MS.most);
    }
  }
  return planned;
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
