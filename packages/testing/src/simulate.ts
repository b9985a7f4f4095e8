import type { StateMachine, StateMachineFactory } from "@holdfast/core";
import type { CommonSettings } from "./cluster/cluster.ts";
import { ALL_FAULTS, type FaultKind } from "./faults/fault-kinds.ts";
import type { InvariantViolation } from "./invariants/invariant.ts";
import { explain } from "./simulation/explain.ts";
import { planOf, runPlan } from "./simulation/run.ts";
import {
  MachineWorkload,
  type OperationCounts,
  type SimulatedWorkload,
} from "./workloads/machine-workload.ts";

/** Options of {@link simulate}. */
export interface SimulateOptions<Machine extends StateMachine> {
  /** The state machine under test, as `openMachine` takes it. Whatever it does to the world goes through `context.platform`. */
  readonly stateMachine: StateMachineFactory<Machine>;
  /** Makes what clients do. Called once for every run, and a failing seed is run many times: what clients saw is kept inside. */
  readonly workload: () => SimulatedWorkload<Machine>;
  /** All that happens grows from this number: the same seed, the same run. */
  readonly seed: number;
  /** Kinds of faults that may come. Each seed leaves some of them out. @defaultValue all of them */
  readonly faults?: readonly FaultKind[];
  /** Members at the beginning. @defaultValue drawn from the seed, up to 5 */
  readonly nodes?: number;
  /** @defaultValue drawn from the seed, up to 5 */
  readonly clients?: number;
  /** Settings of the nodes, in the place of those that are drawn. */
  readonly settings?: CommonSettings;
}

/** A simulation in which everything held. */
export interface SimulationReport {
  /** Faults that had an effect and rare branches that were taken, and how often. */
  readonly coverage: ReadonlyMap<string, number>;
  /** Milliseconds that passed in the simulation. */
  readonly simulatedMs: number;
  readonly operations: OperationCounts;
  /** Equal for equal runs. */
  readonly digest: string;
}

/** Something did not hold. The message says what, how to see it again, and what happened, in a run made as small as possible. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  readonly seed: number;
  /**
   * The property that was broken: one of the simulator's invariants, `equal-answers` or `equal-states` (replicas differ),
   * `unexcused-stop` (a node stopped for no fault that was done to it), `heals-in-time`, or `workload` (the workload says so).
   */
  readonly invariant: string;
  /** What happened, as a self-contained HTML page. */
  readonly page: string;

  /** @internal */
  constructor(seed: number, invariant: string, page: string, message: string) {
    super(message);
    this.seed = seed;
    this.invariant = invariant;
    this.page = page;
  }
}

/**
 * Runs a cluster of production nodes with this state machine on simulated disks, network and clocks, under faults; then stops the faults and lets
 * the cluster heal. Rejects with {@link SimulationFailure} when an invariant of the simulator breaks, replicas differ, a node stops without
 * reason, or the workload finds something wrong. Throws one `TypeError` that names every wrong option.
 */
export async function simulate<Machine extends StateMachine>(
  options: SimulateOptions<Machine>,
): Promise<SimulationReport> {
  checkOptions(options);
  const { stateMachine, workload, seed, faults, nodes, clients, settings } = options;
  const machine = new MachineWorkload<Machine>({
    stateMachine,
    workload,
    shape: {
      ...(faults === undefined ? {} : { faults }),
      ...(nodes === undefined ? {} : { nodes }),
      ...(clients === undefined ? {} : { clients }),
      ...(settings === undefined ? {} : { settings }),
      // New members get snapshots, and so try `snapshot` and `restore`.
      actions: { "add-member": 0.4, transfer: 0.3 },
    },
  });
  const outcome = await runPlan(planOf(seed, machine), machine);
  const { operations } = machine;
  if (outcome.violation !== undefined) throw await failure(seed, outcome.violation, machine);
  const { coverage, simulatedMs, digest } = outcome;
  return { coverage: coverage.hits, simulatedMs, operations, digest };
}

async function failure<Machine extends StateMachine>(
  seed: number,
  violation: InvariantViolation,
  machine: MachineWorkload<Machine>,
): Promise<SimulationFailure> {
  const { summary, lines, page, runs } = await explain(seed, machine);
  const again =
    runs === 1
      ? "The same seed did not fail again: the state machine or the workload uses a clock, randomness or input of its own."
      : `Run it again with seed: ${seed}. Made as small as possible, in (${runs}) runs, it is:`;
  return new SimulationFailure(
    seed,
    violation.invariant,
    page,
    [`seed (${seed}): ${violation.message}`, again, summary, ...lines].join("\n"),
  );
}

const KEYS: readonly string[] = [
  "stateMachine",
  "workload",
  "seed",
  "faults",
  "nodes",
  "clients",
  "settings",
];
const MOST_NODES = 7;
const MOST_CLIENTS = 100;

function checkOptions(options: object): void {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const { stateMachine, workload, seed, faults, nodes, clients, settings } = given;
  const wrong = Object.keys(given)
    .filter((key) => !KEYS.includes(key))
    .map((key) => `${key} is not known`);
  if (typeof stateMachine !== "function") wrong.push("stateMachine must be a factory");
  if (typeof workload !== "function") wrong.push("workload must be a function that makes one");
  if (!isWhole(seed, 0, Number.MAX_SAFE_INTEGER)) wrong.push("seed must be a whole number from 0");
  if (faults !== undefined && !Array.isArray(faults)) wrong.push("faults must be a list");
  else wrong.push(...unknownFaults(faults ?? []));
  if (nodes !== undefined && !isWhole(nodes, 1, MOST_NODES)) {
    wrong.push(`nodes must be a whole number from 1 to ${MOST_NODES}`);
  }
  if (clients !== undefined && !isWhole(clients, 1, MOST_CLIENTS)) {
    wrong.push(`clients must be a whole number from 1 to ${MOST_CLIENTS}`);
  }
  if (settings !== undefined && (typeof settings !== "object" || settings === null)) {
    wrong.push("settings must be an object");
  }
  if (wrong.length > 0) throw new TypeError(`simulate: ${wrong.join("; ")}`);
}

function unknownFaults(faults: readonly unknown[]): readonly string[] {
  const known: readonly unknown[] = ALL_FAULTS;
  return faults
    .filter((fault) => !known.includes(fault))
    .map((fault) => `fault (${String(fault)}) is not one of: ${ALL_FAULTS.join(", ")}`);
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
}
