import type { Message } from "raft-ts-lite";
import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { LogCopy } from "./log-copy.ts";
import { PerNode } from "./per-node.ts";

const NAME = "acknowledged-is-stable";

/** The log up to `index` must stay, but for what a leader of a later term than `term` overwrites. */
interface Promised {
  readonly index: number;
  readonly term: number;
}

interface Seen {
  readonly copy: LogCopy;
  life: number;
  /** What was acknowledged: the further back, the later the term. */
  acknowledged: Promised[];
  /** What the log called durable, with the term of its last entry: no leader of that term ever overwrites it. */
  stable: Promised;
}

/**
 * What a node acknowledges to a leader is on its disk in that moment, and the term as well. From then on its log, or
 * the state that took the place of the log's beginning, holds it, through every restart of the incarnation; only a
 * leader of a later term may put other entries in its place. It never just becomes shorter. The same holds for what
 * the log called durable without an acknowledgement: a leader counts its own disk, too.
 *
 * Raft paper, figure 2 ("updated on stable storage before responding to RPCs") and section 5.3; traps 2, 5, 6, 7, 41,
 * 42, 44, 45 and 50.
 */
class AcknowledgedIsStable implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, figure 2 and section 5.3; traps 2, 5, 6, 7, 41, 42, 44, 45, 50";
  readonly #nodes = new PerNode<Seen>("incarnation", ({ life }) => ({
    copy: new LogCopy(),
    life,
    acknowledged: [],
    stable: { index: 0, term: 0 },
  }));

  started(node: NodeView): void {
    this.#observe(node);
  }

  stepped(node: NodeView): void {
    const { stable } = this.#observe(node);
    const { stableIndex } = node.inspection;
    if (stableIndex > stable.index) this.#noteStable(node, stableIndex);
  }

  sent(from: NodeView, message: Message): void {
    if (message.type !== "AppendEntriesResponse" || message.reject) return;
    const { inspection } = from;
    const { index, term } = message;
    // It left late: what its term had on disk cannot be seen any more.
    if (inspection.term !== term) return;
    if (inspection.stableIndex < index || inspection.durable.term < term) {
      throw new InvariantViolation(
        NAME,
        `node ${from.id} acknowledges its log up to ${index} in term ${term} to node ${message.to}, but its disk holds it up to ${inspection.stableIndex}, and term ${inspection.durable.term}`,
      );
    }
    const seen = this.#observe(from);
    if (seen.acknowledged.some((one) => one.index >= index && one.term >= term)) return;
    seen.acknowledged = seen.acknowledged.filter((one) => one.index > index || one.term > term);
    seen.acknowledged.push({ index, term });
  }

  #noteStable(node: NodeView, index: number): void {
    const term = node.inspection.termOf(index);
    if (term !== undefined) this.#nodes.of(node).stable = { index, term };
  }

  #observe(node: NodeView): Seen {
    const seen = this.#nodes.of(node);
    const { last } = seen.copy;
    const from = seen.copy.update(node.inspection);
    if (from <= last) changed(node, seen, from);
    seen.life = node.life;
    return seen;
  }
}

/** See {@link AcknowledgedIsStable}. */
export function acknowledgedIsStable(): Invariant {
  return new AcknowledgedIsStable();
}

/** The log is not what it was from entry `from` on. */
function changed(node: NodeView, seen: Seen, from: number): void {
  const { inspection } = node;
  for (const promise of [...seen.acknowledged, seen.stable]) {
    if (promise.index < from) continue;
    const shorter = from > inspection.lastIndex;
    if (!shorter && inspection.term > promise.term) continue;
    throw new InvariantViolation(
      NAME,
      `node ${node.id} (term ${inspection.term}${seen.life === node.life ? "" : `, started again in life ${node.life}`}) ${
        promise === seen.stable ? "had on disk" : `acknowledged in term ${promise.term}`
      } its log up to ${promise.index}, but ${
        shorter
          ? `now its log ends at ${inspection.lastIndex}`
          : `without a later term entry ${from} is now one of term ${inspection.termOf(from) ?? 0}`
      }`,
    );
  }
  const kept = ({ index, term }: Promised): Promised => ({
    index: Math.min(index, from - 1),
    term,
  });
  seen.acknowledged = seen.acknowledged.map(kept);
  seen.stable = kept(seen.stable);
}
