import { inspect } from "node:util";
import {
  type Command,
  type CommandResult,
  HoldfastError,
  type HoldfastNode,
  openMachine,
  type StateMachine,
  type StateMachineFactory,
} from "@holdfast/core";
import type { Random } from "@holdfast/platform";
import { compareBytes } from "../bytes.ts";
import { ProcessDied } from "../cluster/host.ts";
import type { SettledOperation } from "../invariants/invariant.ts";
import type { PlanShape } from "../simulation/plan.ts";
import { NoNode } from "./clients.ts";
import type { Workload, WorkloadClient, WorkloadContext, WorkloadRun } from "./workload.ts";

/** One of the clients that use a simulated state machine at the same time. It talks to one node until that disappoints it. */
export interface SimulatedClient<Machine extends StateMachine> {
  /** From 1. */
  readonly id: number;
  /** Of its own, grown from the seed: the only randomness that an operation may use. */
  readonly random: Random;
  /** Milliseconds since the simulation began. The clocks of the nodes differ from it. */
  now(): number;
  /** Resolves after so much simulated time. */
  pause(ms: number): Promise<void>;
  /**
   * Replicates a command; resolves with what the state machine answered. Rejects as `propose` of a node does, with the state machine's refusal or a
   * `HoldfastError`; and with {@link ProcessDied} when the node's process ends first: then the outcome is open, as after `UNKNOWN`.
   */
  propose(command: Command): Promise<unknown>;
  /**
   * Looks at the state machine of one node after a read barrier: it holds everything that was acknowledged before the call. Rejects as
   * `readBarrier` does, and with {@link ProcessDied}.
   */
  read<T>(use: (machine: Machine) => T): Promise<T>;
}

/** What clients do to a state machine, and what must be true of it. One object serves one run: it may keep what its clients saw. */
export interface SimulatedWorkload<Machine extends StateMachine> {
  /**
   * One operation of a client; called again and again, for all clients at the same time. May reject with what `propose` and `read` reject with, but
   * for refusals of the state machine; anything else (a failed assertion) fails the simulation.
   */
  operation(client: SimulatedClient<Machine>): Promise<void>;
  /** All faults are over, and the machines hold the same; throws when it is not what the clients were told. */
  check?(machines: readonly Machine[]): void | Promise<void>;
}

/** How operations ended. */
export interface OperationCounts {
  readonly ok: number;
  /** It may have taken effect: `UNKNOWN`, or the process died. */
  readonly unknown: number;
  readonly failed: number;
}

export interface MachineWorkloadOptions<Machine extends StateMachine> {
  readonly stateMachine: StateMachineFactory<Machine>;
  readonly workload: () => SimulatedWorkload<Machine>;
  readonly shape: PlanShape;
}

type Run<Machine extends StateMachine> = WorkloadRun<HoldfastNode<Machine>>;

/** Clients of a state machine of the embedder's. One simulation at a time. */
export class MachineWorkload<Machine extends StateMachine> implements Workload<
  HoldfastNode<Machine>
> {
  readonly name = "machine";
  readonly shape: PlanShape;
  readonly #options: MachineWorkloadOptions<Machine>;
  #run: MachineRun<Machine> | undefined;

  constructor(options: MachineWorkloadOptions<Machine>) {
    this.#options = options;
    this.shape = options.shape;
  }

  /** Of the latest run. */
  get operations(): OperationCounts {
    return { ...(this.#run?.operations ?? { ok: 0, unknown: 0, failed: 0 }) };
  }

  readonly open: Workload<HoldfastNode<Machine>>["open"] = ({ settings, platform, process }) =>
    openMachine({
      ...settings,
      platform,
      machine: async (context) => {
        const machine = await this.#options.stateMachine(context);
        this.#run?.watch(machine, process.host);
        return machine;
      },
    });

  begin(context: WorkloadContext<HoldfastNode<Machine>>): Run<Machine> {
    this.#run = new MachineRun(context, this.#options.workload());
    return this.#run;
  }
}

class MachineRun<Machine extends StateMachine> implements Run<Machine> {
  readonly operations: { ok: number; unknown: number; failed: number } = {
    ok: 0,
    unknown: 0,
    failed: 0,
  };
  readonly #context: WorkloadContext<HoldfastNode<Machine>>;
  readonly #workload: SimulatedWorkload<Machine>;
  /** What the first node that applied an entry answered. */
  readonly #answers = new Map<number, { readonly host: number; readonly text: string }>();
  readonly #clients = new Map<number, SimulatedClient<Machine>>();
  #calls = 0;

  constructor(
    context: WorkloadContext<HoldfastNode<Machine>>,
    workload: SimulatedWorkload<Machine>,
  ) {
    this.#context = context;
    this.#workload = workload;
  }

  /** Compares what the machine answers with what those of the other nodes, and of earlier lives, answered. */
  watch(machine: Machine, host: number): void {
    const apply = machine.apply.bind(machine);
    machine.apply = async (entries) => {
      const results = await apply(entries);
      entries.forEach(({ index }, i) => {
        this.#compareAnswers(host, index, results[i] ?? []);
      });
      return results;
    };
  }

  #compareAnswers(host: number, index: number, results: readonly CommandResult[]): void {
    if (results.length === 0 || !this.#context.counts(host)) return;
    const text = results.map(describeResult).join(", ");
    const first = this.#answers.get(index);
    if (first === undefined) this.#answers.set(index, { host, text });
    else if (first.text !== text) {
      this.#context.violated(
        "equal-answers",
        `to the commands of entry (${index}), node (${first.host}) answered: ${first.text}; but node (${host}): ${text}`,
      );
    }
  }

  async step(client: WorkloadClient<HoldfastNode<Machine>>): Promise<void> {
    const { coverage, violated } = this.#context;
    let seen = this.#clients.get(client.id);
    if (seen === undefined) {
      seen = this.#clientOf(client);
      this.#clients.set(client.id, seen);
    }
    try {
      await this.#workload.operation(seen);
      this.operations.ok += 1;
      coverage.hit("operation: ok");
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome === "answered") {
        violated("workload", `an operation of client (${client.id}) threw ${describe(error)}`);
        return;
      }
      this.operations[outcome] += 1;
      coverage.hit(`operation: ${outcome}`);
    }
  }

  #clientOf(client: WorkloadClient<HoldfastNode<Machine>>): SimulatedClient<Machine> {
    const { id, random } = client;
    return {
      id,
      random,
      now: () => client.now(),
      pause: (ms) => client.pause(ms),
      propose: (command) =>
        this.#settled(client, describeCommand(command), true, async (node) => ({
          value: await node.propose(command),
        })),
      read: (use) =>
        this.#settled(client, "read", false, async (node) => {
          await node.readBarrier();
          const { machine } = node;
          return { value: use(machine), readIndex: machine.applied().index };
        }),
    };
  }

  /** Carries out one call to a node, and tells the invariants how it ended. */
  async #settled<T>(
    client: WorkloadClient<HoldfastNode<Machine>>,
    what: string,
    isWrite: boolean,
    run: (node: HoldfastNode<Machine>) => Promise<{ value: T; readIndex?: number }>,
  ): Promise<T> {
    const { began, settled, tell } = this.#context;
    const id = (this.#calls += 1);
    began(id);
    tell(() => `client ${client.id} #${id}: ${what}`);
    try {
      const { value, ...place } = await client.call(run);
      tell(() => `client ${client.id} #${id}: ok ${inspect(value, ONE_LINE)}`);
      settled({ id, outcome: "ok", ...place });
      return value;
    } catch (error) {
      const outcome = settledAs(error, isWrite);
      tell(
        () => `client ${client.id} #${id}: ${outcome}: ${describe(error).split("\n", 1).join()}`,
      );
      settled({ id, outcome });
      if (error instanceof NoNode) {
        throw new HoldfastError("UNAVAILABLE", "no node is open", { cause: error });
      }
      throw error;
    }
  }

  async probe(node: HoldfastNode<Machine>): Promise<void> {
    // No command is neutral to every state machine; the barrier needs a leader whose own first entry is committed.
    await node.readBarrier();
  }

  async check(nodes: readonly HoldfastNode<Machine>[]): Promise<void> {
    const { violated } = this.#context;
    try {
      await this.#compareStates(nodes);
      await this.#workload.check?.(nodes.map(({ machine }) => machine));
    } catch (error) {
      violated("workload", `the check threw ${describe(error)}`);
    }
  }

  async #compareStates(nodes: readonly HoldfastNode<Machine>[]): Promise<void> {
    let first: { readonly id: number; readonly bytes: Uint8Array; index: number } | undefined;
    for (const { id, machine } of nodes) {
      const { index, bytes } = await snapshotOf(machine);
      if (first?.index !== index) first = { id, index, bytes };
      else if (compareBytes(first.bytes, bytes) !== 0) {
        this.#context.violated(
          "equal-states",
          `at index (${index}) the snapshots of nodes (${first.id}) and (${id}) differ: ${inspect(text(first.bytes))}; ${inspect(text(bytes))}`,
        );
      }
    }
  }
}

const ONE_LINE = { depth: 8, breakLength: Infinity, compact: true, sorted: true } as const;
const SHOWN_BYTES = 2_000;
const CHUNK_BYTES = 1024 * 1024;

async function snapshotOf(
  machine: StateMachine,
): Promise<{ readonly index: number; readonly bytes: Uint8Array }> {
  const snapshot = await machine.snapshot();
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks(CHUNK_BYTES)) chunks.push(chunk);
    return { index: snapshot.applied.index, bytes: Buffer.concat(chunks) };
  } finally {
    await snapshot.close();
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString("latin1");
}

/** How an operation ended that threw; `answered`: with something that is neither the node's nor the simulator's. */
function outcomeOf(error: unknown): "unknown" | "failed" | "answered" {
  if (error instanceof ProcessDied) return "unknown";
  if (!(error instanceof HoldfastError)) return "answered";
  return error.code === "UNKNOWN" ? "unknown" : "failed";
}

function settledAs(error: unknown, isWrite: boolean): SettledOperation["outcome"] {
  if (error instanceof NoNode) return "failed";
  const outcome = outcomeOf(error);
  if (outcome === "answered") return isWrite ? "ok" : "failed";
  if (!isWrite) return "failed";
  return error instanceof HoldfastError && error.code === "NOT_COMMITTED"
    ? "not-committed"
    : outcome;
}

function describeResult(result: CommandResult): string {
  if (result.ok) return inspect(result.value, ONE_LINE);
  return `refused: ${result.error.name}: ${result.error.message}`;
}

function describeCommand({ kind, body }: Command): string {
  return `command (${kind}) ${inspect(text(body), ONE_LINE)}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : inspect(error);
}
