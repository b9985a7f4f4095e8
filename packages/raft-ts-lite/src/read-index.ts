import type { NodeId, ReadToken } from "./message.ts";

/** A read that waits for a quorum to confirm that its leader still leads. */
export interface PendingRead {
  readonly token: ReadToken;
  /** Who asked, and gets the answer. */
  readonly from: NodeId;
  /** What was committed when the read arrived, taken before the confirming round began (thesis 6.4). */
  readonly index: number;
}

interface Round extends PendingRead {
  readonly acks: Map<NodeId, boolean>;
}

/** Makes tokens that no other read has: of other nodes, of other lives of this one, or of this one. */
export class ReadTokens {
  readonly #prefix: string;
  #counter = 0;

  constructor(id: NodeId, incarnation: number) {
    this.#prefix = `${id}.${incarnation}.`;
  }

  next(): ReadToken {
    this.#counter += 1;
    return this.#prefix + String(this.#counter);
  }

  /** Whether `token` was made in this life of this node. */
  owns(token: ReadToken): boolean {
    return token.startsWith(this.#prefix);
  }
}

/** The reads that a leader has in hand, in order of arrival. Confirming one confirms all before it. */
export class ReadQueue {
  // A Map keeps the order of insertion.
  readonly #rounds = new Map<ReadToken, Round>();
  #newest: ReadToken = "";

  get size(): number {
    return this.#rounds.size;
  }

  /** The token that heartbeats carry to confirm everything here; empty when nothing waits. */
  newest(): ReadToken {
    return this.#rounds.size === 0 ? "" : this.#newest;
  }

  /** Takes a read, acknowledged by its leader `self`. A token that is waiting already is not taken again. */
  add(read: PendingRead, self: NodeId): void {
    if (this.#rounds.has(read.token)) return;
    this.#rounds.set(read.token, { ...read, acks: new Map([[self, true]]) });
    this.#newest = read.token;
  }

  /** Notes that `from` still follows; returns everyone who does, or undefined when nothing waits under `token`. */
  acknowledge(token: ReadToken, from: NodeId): ReadonlyMap<NodeId, boolean> | undefined {
    const round = this.#rounds.get(token);
    round?.acks.set(from, true);
    return round?.acks;
  }

  /** Removes and returns the read under `token` and all before it. */
  release(token: ReadToken): PendingRead[] {
    const released: PendingRead[] = [];
    if (!this.#rounds.has(token)) return released;
    for (const [key, read] of this.#rounds) {
      this.#rounds.delete(key);
      released.push(read);
      if (key === token) break;
    }
    return released;
  }

  clear(): void {
    this.#rounds.clear();
  }
}
