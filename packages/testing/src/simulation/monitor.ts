import type { ConfState } from "raft-ts-lite";
import type { HoldfastNode } from "@holdfast/core";
import type { NodeInspection } from "@holdfast/core/inspection";
import type { SimulatedCluster } from "../cluster/cluster.ts";
import type { SimulatedHost } from "../cluster/host.ts";
import {
  type ClusterView,
  type Invariant,
  InvariantViolation,
  type NodeView,
  type SettledOperation,
} from "../invariants/invariant.ts";
import type { ObservedFrame } from "../network/observed-frame.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { World } from "../world/world.ts";
import type { Coverage } from "./coverage.ts";
import { Digest } from "./digest.ts";

export interface MonitorOptions<Node extends HoldfastNode> {
  readonly world: World;
  readonly cluster: SimulatedCluster<Node>;
  readonly coverage: Coverage;
  readonly trace: TraceSink | undefined;
  readonly invariants: readonly Invariant[];
  /** A node has let another one speak to it. */
  readonly welcomed: (by: number, id: number) => void;
  /** A node has applied a configuration that it had not applied before. */
  readonly configured: (confState: ConfState) => void;
  /** Whether what the node of this host does is held against it. */
  readonly counts: (host: SimulatedHost<Node>) => boolean;
}

/** What a node looked like after its last step. */
interface Seen {
  life: number;
  role: string;
  term: number;
  lastIndex: number;
  machineIndex: number;
  confState: ConfState;
  incarnation: number;
}

/** Looks at every node after every step that ran its code, and holds the invariants against it. */
export class Monitor<Node extends HoldfastNode> {
  readonly #options: MonitorOptions<Node>;
  readonly #cluster: ClusterView;
  readonly #touched = new Set<SimulatedHost<Node>>();
  readonly #seen = new Map<number, Seen>();
  readonly #digest = new Digest();
  #violation: InvariantViolation | undefined;

  constructor(options: MonitorOptions<Node>) {
    this.#options = options;
    this.#cluster = options.cluster.view();
  }

  /** The first thing that was wrong. */
  get violation(): InvariantViolation | undefined {
    return this.#violation;
  }

  get digest(): string {
    return this.#digest.value;
  }

  /** Code of the node of this host is about to run. */
  touch(host: SimulatedHost<Node>): void {
    this.#touched.add(host);
  }

  fail(violation: InvariantViolation): void {
    if (this.#violation !== undefined) return;
    this.#violation = violation;
    const { trace, world } = this.#options;
    trace?.({ at: world.now, kind: "check", text: violation.message });
  }

  /** A node has opened. */
  started(host: SimulatedHost<Node>): void {
    const view = host.view();
    if (view === undefined || !this.#options.counts(host)) return;
    this.#guard(() => {
      for (const invariant of this.#options.invariants) invariant.started?.(view);
    });
  }

  /** The process of a host has ended. */
  ended(host: SimulatedHost<Node>): void {
    const { id, life, incarnation } = host;
    this.#guard(() => {
      for (const invariant of this.#options.invariants)
        invariant.ended?.({ id, life, incarnation });
    });
  }

  sent(frame: ObservedFrame): void {
    this.#digest.add(frame.from, frame.to, this.#options.world.now, frame.messages.length);
    if (frame.fate === "duplicated") return;
    if (frame.kind === "welcome") this.#options.welcomed(frame.from, frame.to);
    const host = this.#options.cluster.host(frame.from);
    const view = host?.view();
    if (host === undefined || view === undefined || !this.#options.counts(host)) return;
    this.#guard(() => {
      for (const message of frame.messages) {
        for (const invariant of this.#options.invariants) invariant.sent?.(view, message);
      }
    });
  }

  began(id: number): void {
    this.#guard(() => {
      for (const invariant of this.#options.invariants) invariant.began?.({ id });
    });
  }

  settled(operation: SettledOperation): void {
    this.#guard(() => {
      for (const invariant of this.#options.invariants) invariant.settled?.(operation);
    });
  }

  /** After an event and all that it set off. */
  stepped(): void {
    for (const host of this.#touched) {
      const view = host.view();
      if (view === undefined || !this.#options.counts(host)) continue;
      this.#record(view);
      this.#guard(() => {
        for (const invariant of this.#options.invariants) invariant.stepped?.(view, this.#cluster);
      });
    }
    this.#touched.clear();
  }

  /** The cluster has healed. */
  finished(): void {
    this.#guard(() => {
      for (const invariant of this.#options.invariants) invariant.finished?.(this.#cluster);
    });
  }

  #guard(check: () => void): void {
    if (this.#violation !== undefined) return;
    try {
      check();
    } catch (error) {
      if (error instanceof InvariantViolation) {
        this.fail(error);
        return;
      }
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.fail(new InvariantViolation("unexpected-error", reason));
    }
  }

  /** Changes worth a word, for the trace and for what the run has covered. */
  #record({ id, life, incarnation, inspection }: NodeView): void {
    const { role, term, lastIndex } = inspection;
    const machineIndex = inspection.machine.index;
    this.#digest.add(id, term, lastIndex, machineIndex);
    const seen = this.#seen.get(id);
    if (seen?.life !== life || seen.incarnation !== incarnation) {
      this.#seen.set(id, {
        life,
        incarnation,
        role,
        term,
        lastIndex,
        machineIndex,
        confState: inspection.confState,
      });
      this.#options.configured(inspection.confState);
      return;
    }
    if (role !== seen.role || term !== seen.term) this.#changed(id, seen, inspection);
    if (lastIndex < seen.lastIndex)
      this.#note(id, "log truncated", `${seen.lastIndex} -> ${lastIndex}`);
    if (inspection.firstIndex > seen.lastIndex + 1)
      this.#note(id, "snapshot installed", `${inspection.firstIndex - 1}`);
    this.#configured(id, seen, inspection);
    seen.role = role;
    seen.term = term;
    seen.lastIndex = lastIndex;
    seen.machineIndex = machineIndex;
  }

  #configured(id: number, seen: Seen, { confState }: NodeInspection): void {
    if (seen.confState === confState) return;
    seen.confState = confState;
    this.#options.configured(confState);
    const { voters, votersOutgoing, learners } = confState;
    if (votersOutgoing.length > 0) {
      this.#note(id, "joint configuration", `${voters.join()} and ${votersOutgoing.join()}`);
    } else {
      const { trace, world } = this.#options;
      const text = `voters ${voters.join()} learners ${learners.join()}`;
      trace?.({ at: world.now, kind: "node", node: id, text });
    }
  }

  #changed(id: number, seen: Seen, { role, term }: NodeInspection): void {
    const { coverage, trace, world } = this.#options;
    if (role !== seen.role) coverage.hit(`became ${role}`);
    if (role === "follower" && seen.role === "leader" && term === seen.term) {
      coverage.hit("leader stepped down in its term");
    }
    trace?.({ at: world.now, kind: "node", node: id, text: `${role} in term ${term}` });
  }

  #note(id: number, what: string, detail: string): void {
    const { coverage, trace, world } = this.#options;
    coverage.hit(what);
    trace?.({ at: world.now, kind: "node", node: id, text: `${what} ${detail}`.trim() });
  }
}
