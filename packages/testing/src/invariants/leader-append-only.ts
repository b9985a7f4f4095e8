import { type Invariant, InvariantViolation } from "./invariant.ts";
import { LogCopy } from "./log-copy.ts";
import { PerNode } from "./per-node.ts";

const NAME = "leader-append-only";

/**
 * A leader never overwrites or deletes entries in its log; it only appends new ones.
 *
 * Raft paper, figure 3 and section 5.3.
 */
export function leaderAppendOnly(): Invariant {
  const nodes = new PerNode("life", () => ({ copy: new LogCopy(), ledTerm: 0 }));
  return {
    name: NAME,
    source: "Raft paper, figure 3 and section 5.3",
    stepped(node) {
      const { inspection } = node;
      const { role, term } = inspection;
      const seen = nodes.of(node);
      const { last } = seen.copy;
      const from = seen.copy.update(inspection);
      if (role === "leader" && seen.ledTerm === term && from <= last) {
        throw new InvariantViolation(
          NAME,
          `node ${node.id} leads term ${term}, and its log ended at ${last}; now entry ${from} is ${describe(inspection.termOf(from))}`,
        );
      }
      seen.ledTerm = role === "leader" ? term : 0;
    },
  };
}

function describe(term: number | undefined): string {
  return term === undefined ? "gone" : `another one, of term ${term}`;
}
