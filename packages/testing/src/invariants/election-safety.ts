import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "election-safety";

interface Leadership {
  readonly leader: number;
  /** The life of the leader, if it was seen itself. */
  life: number | undefined;
  readonly seenAt: number;
}

/**
 * At most one leader can be elected in a term: nodes that lead are compared with each other and with what followers
 * take for their leader. A node that leads a term in two of its lives was elected twice in it, and counts as two.
 *
 * Raft paper, figure 3 and section 5.2; traps 5, 11 and 38.
 */
export function electionSafety(): Invariant {
  const leaderships = new Map<number, Leadership>();
  const nodes = new PerNode("life", () => ({ term: 0, leader: 0 }));
  return {
    name: NAME,
    source: "Raft paper, figure 3 and section 5.2; traps 5, 11, 38",
    stepped(node) {
      const { role, term, leader: known } = node.inspection;
      const leader = role === "leader" ? node.id : known;
      const seen = nodes.of(node);
      if (leader === 0 || (seen.term === term && seen.leader === leader)) return;
      seen.term = term;
      seen.leader = leader;
      compare(leaderships, term, leader, node);
    },
  };
}

function compare(
  leaderships: Map<number, Leadership>,
  term: number,
  leader: number,
  node: NodeView,
): void {
  const life = node.inspection.role === "leader" ? node.life : undefined;
  const other = leaderships.get(term);
  if (other === undefined) {
    leaderships.set(term, { leader, life, seenAt: node.id });
    return;
  }
  if (other.leader !== leader) {
    throw new InvariantViolation(
      NAME,
      `two leaders in term ${term}: node ${other.leader} (seen at node ${other.seenAt}) and node ${leader} (seen at node ${node.id})`,
    );
  }
  if (life !== undefined && other.life !== undefined && other.life !== life) {
    throw new InvariantViolation(
      NAME,
      `node ${leader} leads term ${term} in its life ${life} after it led the same term in its life ${other.life}`,
    );
  }
  other.life ??= life;
}
