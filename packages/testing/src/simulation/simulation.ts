import type { HoldfastNode } from "@holdfast/core";
import { nodeScheduler } from "@holdfast/platform";
import { SimulatedCluster } from "../cluster/cluster.ts";
import type { SimulatedHost } from "../cluster/host.ts";
import { Operator } from "../cluster/operator.ts";
import { Supervisor } from "../cluster/supervisor.ts";
import { FaultAtlas } from "../faults/fault-atlas.ts";
import { Nemesis } from "../faults/nemesis.ts";
import { allInvariants } from "../invariants/all.ts";
import { InvariantViolation } from "../invariants/invariant.ts";
import { SimulatedNetwork } from "../network/simulated-network.ts";
import type { TraceSink } from "../trace/trace.ts";
import { Clients } from "../workloads/clients.ts";
import type { Workload, WorkloadContext, WorkloadRun } from "../workloads/workload.ts";
import { SimulatedWorld } from "../world/world.ts";
import { Coverage } from "./coverage.ts";
import { Healing } from "./healing.ts";
import { Monitor } from "./monitor.ts";
import type { SimulationPlan } from "./plan.ts";

/** More events than any simulation needs: one that goes round in circles ends here. */
const MAX_EVENTS = 300_000;

/** What came of one simulation. */
export interface SimulationOutcome {
  /** The first thing that was wrong. */
  readonly violation: InvariantViolation | undefined;
  readonly coverage: Coverage;
  /** Events carried out. */
  readonly events: number;
  /** True time that passed in the simulation. */
  readonly simulatedMs: number;
  /** A hash over everything that happened, in order: the same for the same plan. */
  readonly digest: string;
}

/** One simulated cluster from its first start to the last check. */
export class Simulation<Node extends HoldfastNode> {
  readonly #plan: SimulationPlan;
  readonly #world: SimulatedWorld;
  readonly #trace: TraceSink | undefined;
  readonly #coverage = new Coverage();
  readonly #atlas = new FaultAtlas();
  readonly #monitor: Monitor<Node>;
  readonly #cluster: SimulatedCluster<Node>;
  readonly #nemesis: Nemesis<Node>;
  readonly #operator: Operator<Node>;
  readonly #network: SimulatedNetwork;
  readonly #supervisor: Supervisor<Node>;
  readonly #clients: Clients<Node>;
  readonly #run: WorkloadRun<Node>;
  readonly #turn = nodeScheduler();
  #events = 0;

  constructor(plan: SimulationPlan, workload: Workload<Node>, trace?: TraceSink) {
    this.#plan = plan;
    this.#trace = trace;
    this.#world = new SimulatedWorld(plan.seed);
    const world = this.#world;
    const random = world.random("network");
    this.#network = new SimulatedNetwork({ world, random, ...(trace && { trace }) });
    this.#cluster = this.#makeCluster(workload);
    this.#operator = this.#makeOperator();
    this.#supervisor = this.#makeSupervisor();
    this.#monitor = this.#makeMonitor();
    this.#nemesis = this.#makeNemesis();
    this.#run = workload.begin(this.#makeContext());
    const cluster = this.#cluster;
    this.#clients = new Clients<Node>({
      world,
      hosts: () => cluster.hosts,
      count: plan.clients,
      run: this.#run,
      unexpected: (error) => {
        this.#unexpected(error);
      },
    });
    this.#network.observe((frame) => {
      this.#monitor.sent(frame);
    });
  }

  #unexpected(error: unknown): void {
    this.#monitor.fail(asViolation("unexpected-error", error));
  }

  #makeCluster({ open }: Workload<Node>): SimulatedCluster<Node> {
    return new SimulatedCluster<Node>({
      world: this.#world,
      network: this.#network,
      nodes: this.#plan.nodes,
      settings: this.#plan.settings,
      open,
      trace: this.#trace,
      entering: (host) => {
        this.#monitor.touch(host);
      },
      changed: (host) => {
        this.#changed(host);
      },
      ended: (host) => {
        this.#monitor.ended(host);
      },
    });
  }

  #makeOperator(): Operator<Node> {
    return new Operator<Node>({
      world: this.#world,
      cluster: this.#cluster,
      atlas: this.#atlas,
      random: this.#world.random("operator"),
      coverage: this.#coverage,
      trace: this.#trace,
      unexpected: (error) => {
        this.#unexpected(error);
      },
    });
  }

  #makeSupervisor(): Supervisor<Node> {
    return new Supervisor<Node>({
      world: this.#world,
      cluster: this.#cluster,
      network: this.#network,
      operator: this.#operator,
      atlas: this.#atlas,
      coverage: this.#coverage,
      unexcused: ({ id }, { message }) => {
        this.#monitor.fail(new InvariantViolation("unexcused-stop", `node (${id}): ${message}`));
      },
    });
  }

  #makeMonitor(): Monitor<Node> {
    const supervisor = this.#supervisor;
    return new Monitor<Node>({
      world: this.#world,
      cluster: this.#cluster,
      coverage: this.#coverage,
      trace: this.#trace,
      invariants: allInvariants(),
      welcomed: (by, id) => {
        this.#atlas.met(by, id);
      },
      configured: (confState) => {
        this.#atlas.note(confState);
      },
      counts: (host) => !supervisor.isQuarantined(host),
    });
  }

  #makeNemesis(): Nemesis<Node> {
    return new Nemesis<Node>({
      world: this.#world,
      plan: this.#plan,
      cluster: this.#cluster,
      network: this.#network,
      operator: this.#operator,
      supervisor: this.#supervisor,
      atlas: this.#atlas,
      coverage: this.#coverage,
      trace: this.#trace,
    });
  }

  #makeContext(): WorkloadContext<Node> {
    const [world, cluster, trace] = [this.#world, this.#cluster, this.#trace];
    const supervisor = this.#supervisor;
    return {
      coverage: this.#coverage,
      now: () => world.now,
      tell: (text) => trace?.({ at: world.now, kind: "client", text: text() }),
      began: (id) => {
        this.#monitor.began(id);
      },
      settled: (operation) => {
        this.#monitor.settled(operation);
      },
      violated: (invariant, message) => {
        this.#monitor.fail(new InvariantViolation(invariant, message));
      },
      hosts: () => cluster.hosts,
      counts: (id) => {
        const host = cluster.host(id);
        return host !== undefined && !supervisor.isQuarantined(host);
      },
    };
  }

  /** Runs it. Never rejects for what the simulated code does. */
  async run(): Promise<SimulationOutcome> {
    try {
      for (const host of this.#cluster.hosts) host.start();
      this.#nemesis.start();
      this.#clients.start();
      await this.#until(() => this.#world.now >= this.#plan.chaosMs);
      this.#clients.stop();
      this.#nemesis.stop();
      await this.#heal();
    } catch (error) {
      this.#monitor.fail(asViolation("unexpected-error", error));
    }
    return {
      violation: this.#monitor.violation,
      coverage: this.#covered(),
      events: this.#events,
      simulatedMs: this.#world.now,
      digest: this.#monitor.digest,
    };
  }

  async #heal(): Promise<void> {
    const healing = new Healing<Node>({
      world: this.#world,
      cluster: this.#cluster,
      operator: this.#operator,
      impaired: () => this.#atlas.impaired,
      supervisor: this.#supervisor,
      clients: this.#clients,
      run: this.#run,
      coverage: this.#coverage,
    });
    healing.start();
    await this.#until(() => healing.done);
    if (this.#monitor.violation !== undefined) return;
    if (healing.failure !== undefined) {
      this.#monitor.fail(asViolation("heals-in-time", healing.failure));
      return;
    }
    this.#monitor.finished();
  }

  /** Carries out events until `done`, or until something is wrong. */
  async #until(done: () => boolean): Promise<void> {
    while (this.#monitor.violation === undefined && !done()) {
      if (this.#events >= MAX_EVENTS) throw new Error(`no end after (${MAX_EVENTS}) events`);
      this.#events += 1;
      if (!this.#world.step()) return;
      if (!this.#world.takeStirred()) continue;
      await this.#settle();
      this.#monitor.stepped();
    }
  }

  /** Lets everything run that the event has set off, down to the last promise reaction. */
  #settle(): Promise<void> {
    return new Promise((resolve) => {
      this.#turn.endOfTurn(resolve);
    });
  }

  #changed(host: SimulatedHost<Node>): void {
    if (host.state === "open") {
      this.#nemesis.prepare(host);
      this.#monitor.started(host);
    } else if (host.state === "failed") {
      this.#supervisor.failed(host);
    }
  }

  #covered(): Coverage {
    const coverage = this.#coverage;
    for (const [name, times] of this.#network.shown) coverage.hit(`fault: ${name}`, times);
    for (const { disk } of this.#cluster.everyHost) {
      for (const [name, times] of disk.shown) coverage.hit(`disk: ${name}`, times);
    }
    return coverage;
  }
}

function asViolation(invariant: string, error: unknown): InvariantViolation {
  if (error instanceof InvariantViolation) return error;
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new InvariantViolation(invariant, message);
}
