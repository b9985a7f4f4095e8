import type { HoldfastNode } from "@holdfast/core";
import type { Random } from "@holdfast/platform";
import type { SimulatedHost } from "../cluster/host.ts";
import type { NodeOpener } from "../cluster/host.ts";
import type { SettledOperation } from "../invariants/invariant.ts";
import type { Coverage } from "../simulation/coverage.ts";
import type { PlanShape } from "../simulation/plan.ts";

/** One of the clients that work at the same time. It talks to one node until that disappoints it. */
export interface WorkloadClient<Node extends HoldfastNode> {
  readonly id: number;
  readonly random: Random;
  /** True time. */
  now(): number;
  /** Resolves after so much true time. */
  pause(ms: number): Promise<void>;
  /**
   * Calls into the node, as code of its process would. Rejects with `ProcessDied` when the process ends first, and otherwise as
   * the node does.
   */
  call<T>(run: (node: Node) => Promise<T>): Promise<T>;
}

/** What a workload is given for one simulation. */
export interface WorkloadContext<Node extends HoldfastNode> {
  readonly coverage: Coverage;
  readonly now: () => number;
  /** For the trace; text is only made when somebody listens. */
  readonly tell: (text: () => string) => void;
  /** To be called for each operation when it begins. */
  readonly began: (id: number) => void;
  /** To be called for each operation when it ends. */
  readonly settled: (operation: SettledOperation) => void;
  /** Something is wrong: ends the simulation. */
  readonly violated: (invariant: string, message: string) => void;
  readonly hosts: () => readonly SimulatedHost<Node>[];
  /** Whether what the node of this host does is held against it: not once its disk is known to have been harmed. */
  readonly counts: (host: number) => boolean;
}

/** What clients do to a simulated cluster, and what is checked when they are done. */
export interface Workload<Node extends HoldfastNode> {
  readonly name: string;
  readonly shape: PlanShape;
  readonly open: NodeOpener<Node>;
  /** One object per simulation. */
  begin(context: WorkloadContext<Node>): WorkloadRun<Node>;
}

export interface WorkloadRun<Node extends HoldfastNode> {
  /** One operation of a client, from its call to its end; called again and again. Must not reject. */
  step(client: WorkloadClient<Node>): Promise<void>;
  /** A write that must succeed on a healthy cluster; rejects while it is not. */
  probe(node: Node, attempt: number): Promise<void>;
  /** The cluster has healed and every node holds the same: looks at what the clients saw. */
  check(nodes: readonly Node[]): Promise<void>;
}
