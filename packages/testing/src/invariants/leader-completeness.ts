import {
  type ClusterView,
  type Invariant,
  InvariantViolation,
  type NodeView,
} from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "leader-completeness";

interface Committed {
  readonly term: number;
  /** The term of the first node that was seen to hold it for committed. The entry was committed in this term or an earlier one. */
  readonly inTerm: number;
}

/**
 * An entry that is committed in a term is in the logs of the leaders of all later terms. Checked when a node begins
 * to lead, for all that is known to be committed by then; and when something is first seen to be committed, for the
 * leaders of later terms that were elected before.
 *
 * Raft paper, figure 3 and section 5.4; traps 1, 10, 32, 33 and 36.
 */
class LeaderCompleteness implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, figure 3 and section 5.4; traps 1, 10, 32, 33, 36";
  readonly #nodes = new PerNode("life", () => ({ ledTerm: 0 }));
  readonly #committed = new Map<number, Committed>();
  #last = 0;

  stepped(node: NodeView, cluster: ClusterView): void {
    const { role, term, commit } = node.inspection;
    const seen = this.#nodes.of(node);
    if (commit > this.#last) this.#record(node, cluster);
    const began = role === "leader" && seen.ledTerm !== term;
    seen.ledTerm = role === "leader" ? term : 0;
    if (began) this.#check(node, node.inspection.firstIndex - 1);
  }

  #record({ inspection }: NodeView, cluster: ClusterView): void {
    const { commit, term: inTerm, firstIndex } = inspection;
    const from = Math.max(this.#last + 1, firstIndex - 1);
    for (let index = from; index <= commit; index++) {
      const term = inspection.termOf(index);
      if (term !== undefined) this.#committed.set(index, { term, inTerm });
    }
    this.#last = commit;
    for (const node of cluster.nodes) {
      if (node.inspection.role === "leader" && node.inspection.term > inTerm) {
        this.#check(node, from);
      }
    }
  }

  /** From the last entry down to `from`. */
  #check({ id, inspection }: NodeView, from: number): void {
    for (let index = this.#last; index >= Math.max(from, inspection.firstIndex - 1); index--) {
      const committed = this.#committed.get(index);
      if (committed === undefined || committed.inTerm >= inspection.term) continue;
      const term = inspection.termOf(index);
      if (term === committed.term) continue;
      const instead =
        term === undefined
          ? `its log ends at ${inspection.lastIndex}`
          : `it holds one of term ${term}`;
      throw new InvariantViolation(
        NAME,
        `node ${id} leads term ${inspection.term} without entry ${index} of term ${committed.term}, which was committed in term ${committed.inTerm}: ${instead}`,
      );
    }
  }
}

/** See {@link LeaderCompleteness}. */
export function leaderCompleteness(): Invariant {
  return new LeaderCompleteness();
}
