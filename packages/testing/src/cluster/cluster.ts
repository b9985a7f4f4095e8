import type { HoldfastNode, NodeSettings } from "@holdfast/core";
import type { ConfState } from "raft-ts-lite";
import type { ClusterView, NodeView } from "../invariants/invariant.ts";
import type { SimulatedNetwork } from "../network/simulated-network.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { OutsideWorld } from "../world/world.ts";
import { type NodeOpener, SimulatedHost } from "./host.ts";

const PORT = 7_000;

/** Settings of every node, beside those that say who it is. */
export type CommonSettings = Omit<NodeSettings, "directory" | "id" | "cluster" | "listen">;

export interface ClusterOptions<Node extends HoldfastNode> {
  readonly world: OutsideWorld;
  readonly network: SimulatedNetwork;
  readonly nodes: number;
  readonly settings: CommonSettings;
  readonly open: NodeOpener<Node>;
  readonly trace: TraceSink | undefined;
  readonly entering: (host: SimulatedHost<Node>) => void;
  readonly changed: (host: SimulatedHost<Node>) => void;
  readonly ended: (host: SimulatedHost<Node>) => void;
}

/** The hosts of one simulated cluster, the first members and those that joined. */
export class SimulatedCluster<Node extends HoldfastNode = HoldfastNode> {
  readonly #options: ClusterOptions<Node>;
  readonly #hosts = new Map<number, SimulatedHost<Node>>();
  readonly #everyHost: SimulatedHost<Node>[] = [];
  #nextId: number;

  constructor(options: ClusterOptions<Node>) {
    this.#options = options;
    this.#nextId = options.nodes + 1;
    const ids = Array.from({ length: options.nodes }, (_, i) => i + 1);
    const members = ids.map((id) => ({ id, address: addressOf(id) }));
    for (const id of ids) this.#addHost(id, { name: "simulated", members });
  }

  /** In ascending order of ids. */
  get hosts(): readonly SimulatedHost<Node>[] {
    return [...this.#hosts.values()];
  }

  /** Also those that are gone. */
  get everyHost(): readonly SimulatedHost<Node>[] {
    return this.#everyHost;
  }

  host(id: number): SimulatedHost<Node> | undefined {
    return this.#hosts.get(id);
  }

  /** A new machine whose node waits to be added under a new id. */
  addJoiner(): SimulatedHost<Node> {
    return this.#addHost(this.#nextId++, { name: "simulated", join: true });
  }

  /** The machine is gone for good. */
  removeHost(id: number): void {
    this.#hosts.get(id)?.crash({ power: true });
    this.#hosts.delete(id);
  }

  #addHost(id: number, cluster: NodeSettings["cluster"]): SimulatedHost<Node> {
    const { world, network, open, trace, settings, entering, changed, ended } = this.#options;
    const host = new SimulatedHost<Node>({
      id,
      world,
      network,
      open,
      trace,
      entering,
      changed,
      ended,
      settings: { ...settings, directory: "/data", id, cluster, listen: addressOf(id) },
    });
    this.#hosts.set(id, host);
    this.#everyHost.push(host);
    return host;
  }

  /** The host whose node leads, as far as nodes say so themselves: that of the highest term. */
  leader(): SimulatedHost<Node> | undefined {
    let best: SimulatedHost<Node> | undefined;
    let term = -1;
    for (const host of this.#hosts.values()) {
      const inspection = host.view()?.inspection;
      if (inspection?.role !== "leader" || inspection.term <= term) continue;
      best = host;
      term = inspection.term;
    }
    return best;
  }

  /** The configurations that open nodes have applied, each once for every node. */
  configurations(): readonly ConfState[] {
    return this.views().map(({ inspection }) => inspection.confState);
  }

  /** The open nodes. */
  views(): readonly NodeView[] {
    const views: NodeView[] = [];
    for (const host of this.#hosts.values()) {
      const view = host.view();
      if (view !== undefined) views.push(view);
    }
    return views;
  }

  view(): ClusterView {
    const views = (): readonly NodeView[] => this.views();
    const { world } = this.#options;
    return {
      get now(): number {
        return world.now;
      },
      get nodes(): readonly NodeView[] {
        return views();
      },
    };
  }
}

/** Where the node of a host listens. */
export function addressOf(id: number): string {
  return `10.0.0.${id}:${PORT}`;
}
