import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { LogCopy } from "./log-copy.ts";
import { PerNode } from "./per-node.ts";

const NAME = "committed-immutable";

/**
 * What is committed never differs: every node that takes an index for committed holds an entry of the same term
 * there, and goes on holding it. (That entries of the same index and term are the same, `log-matching` sees to.)
 *
 * Raft paper, section 5.4.3; thesis, section 3.6.3; traps 1, 2, 4, 45 and 50.
 */
class CommittedImmutable implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, section 5.4.3; thesis, section 3.6.3; traps 1, 2, 4, 45, 50";
  // By life: the commit index is that of the life, and behind it a disk may bring back what was truncated in memory
  // only.
  readonly #nodes = new PerNode("life", () => ({ copy: new LogCopy(), commit: 0 }));
  readonly #committed = new Map<number, { readonly term: number; readonly seenAt: number }>();

  stepped(node: NodeView): void {
    const { inspection } = node;
    const seen = this.#nodes.of(node);
    const changedFrom = seen.copy.update(inspection);
    const { commit } = inspection;
    if (changedFrom > seen.commit && commit === seen.commit) return;
    const from = Math.max(Math.min(changedFrom, seen.commit + 1), seen.copy.base);
    seen.commit = commit;
    for (let index = from; index <= commit; index++) this.#check(node, index);
  }

  #check({ id, inspection }: NodeView, index: number): void {
    const term = inspection.termOf(index);
    if (term === undefined) {
      throw new InvariantViolation(
        NAME,
        `node ${id} takes everything up to ${inspection.commit} for committed, but has no entry ${index}: its log goes from ${inspection.firstIndex} to ${inspection.lastIndex}`,
      );
    }
    const committed = this.#committed.get(index);
    if (committed === undefined) {
      this.#committed.set(index, { term, seenAt: id });
    } else if (committed.term !== term) {
      throw new InvariantViolation(
        NAME,
        `entry ${index} was committed with term ${committed.term} (seen at node ${committed.seenAt}), but node ${id} in term ${inspection.term} takes one of term ${term} for committed`,
      );
    }
  }
}

/** See {@link CommittedImmutable}. */
export function committedImmutable(): Invariant {
  return new CommittedImmutable();
}
