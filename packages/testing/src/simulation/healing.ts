import type { HoldfastNode } from "@holdfast/core";
import { compareBytes } from "../bytes.ts";
import type { SimulatedCluster } from "../cluster/cluster.ts";
import { codeOf, type SimulatedHost } from "../cluster/host.ts";
import type { Operator } from "../cluster/operator.ts";
import type { Supervisor } from "../cluster/supervisor.ts";
import type { Clients } from "../workloads/clients.ts";
import type { WorkloadRun } from "../workloads/workload.ts";
import type { OutsideWorld } from "../world/world.ts";
import type { Coverage } from "./coverage.ts";

export interface HealingOptions<Node extends HoldfastNode> {
  readonly world: OutsideWorld;
  readonly cluster: SimulatedCluster<Node>;
  readonly operator: Operator<Node>;
  /** Nodes whose disks are not to be relied on, until they are replaced. */
  readonly impaired: () => ReadonlySet<number>;
  readonly supervisor: Supervisor<Node>;
  readonly clients: Clients<Node>;
  readonly run: WorkloadRun<Node>;
  readonly coverage: Coverage;
}

/** How long a cluster without faults may take until it serves, whatever was done to it before. */
const SERVE_WITHIN_MS = 15_000;
/** And until every member holds the same, replacements included. */
const CONVERGE_WITHIN_MS = 45_000;
const LOOK_MS = 40;

/** The second phase: no more faults; the cluster must elect a leader, serve, and come to hold the same everywhere. */
export class Healing<Node extends HoldfastNode> {
  readonly #options: HealingOptions<Node>;
  #done = false;
  #failure: Error | undefined;

  constructor(options: HealingOptions<Node>) {
    this.#options = options;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Why the cluster did not heal. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  start(): void {
    this.#heal().then(
      () => {
        this.#done = true;
      },
      (error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#done = true;
      },
    );
  }

  async #heal(): Promise<void> {
    const { cluster, supervisor, clients, run } = this.#options;
    for (const host of cluster.hosts) supervisor.startAfter(host, 0);
    await this.#within(SERVE_WITHIN_MS, "serves a write", () => this.#serves());
    await this.#within(CONVERGE_WITHIN_MS, "converges", () => this.#whatDiffers());
    await this.#within(CONVERGE_WITHIN_MS, "settles every operation", () =>
      clients.busy ? "a client still waits" : undefined,
    );
    await run.check(this.#memberNodes());
    await this.#within(CONVERGE_WITHIN_MS, "converges after the checks", () => this.#whatDiffers());
  }

  /** The nodes of the members, in the order of their ids. */
  #memberNodes(): readonly Node[] {
    const { cluster } = this.#options;
    const members = new Set(
      cluster
        .leader()
        ?.node?.members.list()
        .map(({ id }) => id),
    );
    return cluster.hosts.flatMap(({ id, node }) =>
      node === undefined || !members.has(id) ? [] : [node],
    );
  }

  /** Repeats `look` until it finds nothing to complain of. */
  async #within(
    limitMs: number,
    what: string,
    look: () => string | undefined | Promise<string | undefined>,
  ): Promise<void> {
    const { world } = this.#options;
    const began = world.now;
    for (;;) {
      const complaint = await look();
      if (complaint === undefined) return;
      if (world.now - began > limitMs) {
        throw new Error(`within (${limitMs}) ms without faults: ${what}; but ${complaint}`);
      }
      await world.pause(LOOK_MS);
    }
  }

  async #serves(): Promise<string | undefined> {
    const { cluster, run, world } = this.#options;
    const leader = cluster.leader();
    if (leader === undefined) return `nobody leads (${this.#states()})`;
    try {
      await leader.call((node) => run.probe(node, world.now));
      return undefined;
    } catch (error) {
      return `a write on leader (${leader.id}) ended with ${codeOf(error)} (${this.#states()})`;
    }
  }

  /** What still keeps the members apart; `undefined` when nothing does. */
  #whatDiffers(): string | undefined {
    const { cluster, operator } = this.#options;
    const [suspect] = this.#options.impaired();
    if (suspect !== undefined) return `(${suspect}) is to be replaced (${this.#states()})`;
    if (operator.busy) return `the operator is not done (${this.#states()})`;
    const leader = cluster.leader();
    const view = leader?.view();
    if (leader === undefined || view === undefined) return `nobody leads (${this.#states()})`;
    const { confState, machine, commit } = view.inspection;
    for (const id of [...confState.voters, ...confState.learners]) {
      const other = cluster.host(id)?.view()?.inspection;
      if (other === undefined) return `member (${id}) is not open (${this.#states()})`;
      // A received snapshot is in the state machine before the core hears of it, and of the configuration in it.
      const applied = Math.min(other.machine.index, other.applied);
      if (applied !== commit || machine.index !== commit) {
        return `member (${id}) applied (${applied}) of (${commit}) (${this.#states()})`;
      }
      if (compareBytes(other.machine.stateHash, machine.stateHash) !== 0) {
        return `members (${leader.id}) and (${id}) differ at index (${commit})`;
      }
    }
    return undefined;
  }

  #states(): string {
    return this.#options.cluster.hosts.map(describe).join("; ");
  }
}

function describe<Node extends HoldfastNode>(host: SimulatedHost<Node>): string {
  const inspection = host.view()?.inspection;
  if (inspection === undefined) {
    const why = host.failure === undefined ? "" : ` ${host.failure.message}`;
    return `${host.id} ${host.state}${why}`;
  }
  const { role, term, commit, lastIndex, leader, confState } = inspection;
  const { voters, votersOutgoing, learners } = confState;
  const sets = [voters, votersOutgoing, learners].map((ids) => ids.join(",")).join("|");
  return `${host.id} ${role} term ${term} leader ${leader} commit ${commit} last ${lastIndex} of ${sets}`;
}
