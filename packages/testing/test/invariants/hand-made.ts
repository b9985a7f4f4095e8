import type { NodeInspection } from "@holdfast/core/inspection";
import type {
  AppendEntriesResponse,
  ConfState,
  RequestVote,
  RequestVoteResponse,
} from "raft-ts-lite";
import type { ClusterView, Invariant, NodeView } from "../../src/invariants/invariant.ts";

/** A configuration; joint when `outgoing` is given. */
export function voters(ids: readonly number[], outgoing: readonly number[] = []): ConfState {
  return {
    voters: ids,
    learners: [],
    votersOutgoing: outgoing,
    learnersNext: [],
    autoLeave: false,
  };
}

/** A hash of a state: any text. */
export function hashOf(text: string): Uint8Array {
  return Buffer.from(text.padEnd(32, ".").slice(0, 32));
}

/** A node as invariants see it, whose every property a test sets by hand. Fresh, it holds the entry that its group begins with, and nothing else. */
export class HandMadeNode implements NodeView, NodeInspection {
  readonly id: number;
  life = 1;
  incarnation = 1;
  role: NodeInspection["role"] = "follower";
  term = 1;
  vote = 0;
  leader = 0;
  commit = 1;
  applied = 1;
  stableIndex = 1;
  durable = { term: 1, vote: 0 };
  confState = voters([1, 2, 3]);
  machine = { index: 1, term: 1, stateHash: hashOf("beginning") };
  /** The entry before the first one. */
  base = { index: 1, term: 1 };
  /** Terms of the entries behind it. */
  terms: number[] = [];
  /** Entries by index that are not what their index and term say. */
  readonly contents = new Map<number, string>();
  /** Entries below are on the disk only. */
  inMemoryFrom = 0;

  constructor(id: number) {
    this.id = id;
  }

  get inspection(): NodeInspection {
    return this;
  }

  get firstIndex(): number {
    return this.base.index + 1;
  }

  get lastIndex(): number {
    return this.base.index + this.terms.length;
  }

  termOf(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.terms[index - this.base.index - 1];
  }

  entry(index: number): ReturnType<NodeInspection["entry"]> {
    const term = index < this.inMemoryFrom ? undefined : this.terms[index - this.base.index - 1];
    if (term === undefined) return undefined;
    const data = Buffer.from(this.contents.get(index) ?? `${term}/${index}`);
    return { term, type: "Normal", data };
  }

  /** The log behind the first entry, all of it durable unless `stable` says less. */
  log(terms: readonly number[], stable: number = this.base.index + terms.length): this {
    this.terms = [...terms];
    this.stableIndex = stable;
    return this;
  }

  /** Takes part in a later term. */
  inTerm(term: number, role: NodeInspection["role"] = "follower"): this {
    this.term = term;
    this.role = role;
    this.leader = role === "leader" ? this.id : 0;
    this.vote = role === "follower" ? 0 : this.id;
    this.durable = { term, vote: this.vote };
    return this;
  }

  /** Everything up to `index` is committed. */
  commits(index: number): this {
    this.commit = index;
    return this;
  }

  /** A new life, with what is durable. */
  restart(): this {
    this.life += 1;
    this.role = "follower";
    this.leader = 0;
    this.term = this.durable.term;
    this.vote = this.durable.vote;
    this.terms.length = Math.max(
      0,
      Math.min(this.terms.length, this.stableIndex - this.base.index),
    );
    return this;
  }
}

/** Steps hand-made nodes before one invariant. */
export class Bench {
  readonly #invariant: Invariant;
  readonly #nodes: readonly NodeView[];

  constructor(invariant: Invariant, nodes: readonly NodeView[]) {
    this.#invariant = invariant;
    this.#nodes = nodes;
  }

  get cluster(): ClusterView {
    return { now: 0, nodes: this.#nodes };
  }

  step(...nodes: readonly NodeView[]): void {
    for (const node of nodes) this.#invariant.stepped?.(node, this.cluster);
  }

  start(node: NodeView): void {
    this.#invariant.started?.(node);
    this.step(node);
  }

  finish(): void {
    this.#invariant.finished?.(this.cluster);
  }
}

/** `from` says that it holds the log up to `index`. */
export function acknowledgement(
  from: HandMadeNode,
  to: number,
  index: number,
  term: number = from.term,
): AppendEntriesResponse {
  const type = "AppendEntriesResponse";
  return { type, from: from.id, to, term, index, logTerm: 0, reject: false, rejectHint: 0 };
}

/** `from` asks for votes. */
export function voteRequest(from: HandMadeNode, to: number, term: number = from.term): RequestVote {
  return {
    type: "RequestVote",
    from: from.id,
    to,
    term,
    logTerm: 1,
    index: 1,
    transfer: false,
    priority: 0,
  };
}

/** `from` answers a request for votes. */
export function voteResponse(
  from: HandMadeNode,
  to: number,
  term: number = from.term,
  reject = false,
): RequestVoteResponse {
  return { type: "RequestVoteResponse", from: from.id, to, term, reject };
}
