import type { NodeInspection } from "@holdfast/core/inspection";
import type { Message } from "raft-ts-lite";

/** A running node after a step that may have changed it. */
export interface NodeView {
  readonly id: number;
  /** Counts the starts of this id's process, from 1. */
  readonly life: number;
  /** Changes when the node begins with an empty disk, or when a fault destroyed what its disk had synced. What such a disk knew binds nobody. */
  readonly incarnation: number;
  readonly inspection: NodeInspection;
}

/** How a client's operation ended. */
export interface SettledOperation {
  readonly id: number;
  readonly outcome: "ok" | "not-committed" | "unknown" | "failed";
  /** Of a write that succeeded. */
  readonly revision?: { readonly index: number; readonly position: number };
  /** Of a linearizable read that was answered: the state that it saw holds exactly the entries up to here. */
  readonly readIndex?: number;
}

/** The cluster, for invariants that look beyond one node. Only nodes that run are in it. */
export interface ClusterView {
  readonly now: number;
  readonly nodes: readonly NodeView[];
}

/**
 * A property that holds after every step. It sees what happens through the methods that it implements, keeps what it must remember, and
 * throws {@link InvariantViolation}. One object serves one simulation.
 */
export interface Invariant {
  /** Kebab case; printed when it is broken. */
  readonly name: string;
  /** Where it comes from: section of the Raft paper or thesis, row of a trap, section of the design. */
  readonly source: string;
  /** After a step that ran code of this node. */
  stepped?(node: NodeView, cluster: ClusterView): void;
  /** A node handed a message to its network. It may be lost; but it promised. */
  sent?(from: NodeView, message: Message): void;
  /** A node has opened again after a crash, a stop or a close (life > 1), or for the first time. */
  started?(node: NodeView): void;
  /** A node's process is gone. Its disk is what it is. */
  ended?(node: { readonly id: number; readonly life: number; readonly incarnation: number }): void;
  /** An operation of a client begins. */
  began?(operation: { readonly id: number }): void;
  /** An operation of a client ended. Called by whoever drives the clients, as often as it happens. */
  settled?(operation: SettledOperation): void;
  /** All faults have stopped and the cluster had its time to heal. */
  finished?(cluster: ClusterView): void;
}

/** An invariant is broken: there is a bug in what was simulated, or in the invariant. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
  readonly invariant: string;
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}
