import { type Invariant, InvariantViolation } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "commit-of-own-term";

/**
 * A leader advances its commit index only to an entry of its own term: entries of earlier terms are committed along
 * with it, never by counting who holds them.
 *
 * Raft paper, section 5.4.2 and figure 8; trap 1.
 */
export function commitOfOwnTerm(): Invariant {
  const nodes = new PerNode("life", () => ({ ledTerm: 0, commit: 0 }));
  return {
    name: NAME,
    source: "Raft paper, section 5.4.2 and figure 8; trap 1",
    stepped(node) {
      const { inspection } = node;
      const { role, term, commit } = inspection;
      const seen = nodes.of(node);
      // In the step in which a node begins to lead, it may have learned of a commit as a follower.
      const goesOnLeading = role === "leader" && seen.ledTerm === term;
      if (goesOnLeading && commit > seen.commit && inspection.termOf(commit) !== term) {
        throw new InvariantViolation(
          NAME,
          `node ${node.id} leads term ${term} and advanced its commit index from ${seen.commit} to ${commit}, an entry of term ${inspection.termOf(commit) ?? 0}`,
        );
      }
      seen.ledTerm = role === "leader" ? term : 0;
      seen.commit = commit;
    },
  };
}
