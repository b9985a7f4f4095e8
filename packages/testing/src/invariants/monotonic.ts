import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "monotonic";

interface Seen {
  life: number;
  term: number;
  vote: number;
  commit: number;
  applied: number;
  state: number;
  durableTerm: number;
  durableVote: number;
}

/**
 * Within a life, term, commit index, applied index and the state never go back, and a vote does not change within its
 * term. A new life begins with at least the term, and the vote, that were durable: the rest of what was in memory is
 * gone, and Raft can do without it. Memory is never behind the disk.
 *
 * Raft paper, figure 2 (persistent and volatile state) and section 5.1; traps 5 and 12.
 */
class Monotonic implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, figure 2 and section 5.1; traps 5, 12";
  readonly #nodes = new PerNode<Seen>("incarnation", ({ life }) => ({
    life,
    term: 0,
    vote: 0,
    commit: 0,
    applied: 0,
    state: 0,
    durableTerm: 0,
    durableVote: 0,
  }));

  stepped(node: NodeView): void {
    const { term, vote, commit, applied, machine, durable } = node.inspection;
    const seen = this.#nodes.of(node);
    if (seen.life !== node.life) restart(seen, node.life);
    forward(node, "term", seen.term, term);
    forward(node, "commit index", seen.commit, commit);
    forward(node, "applied index", seen.applied, applied);
    forward(node, "state's index", seen.state, machine.index);
    forward(node, "durable term", seen.durableTerm, durable.term);
    if (seen.term === term) once(node, "vote", seen.vote, vote);
    if (seen.durableTerm === durable.term) {
      once(node, "durable vote", seen.durableVote, durable.vote);
    }
    forward(node, "term, which is durable already,", durable.term, term);
    if (durable.term === term) once(node, "vote, which is durable already,", durable.vote, vote);
    seen.term = term;
    seen.vote = vote;
    seen.commit = commit;
    seen.applied = applied;
    seen.state = machine.index;
    seen.durableTerm = durable.term;
    seen.durableVote = durable.vote;
  }
}

/** See {@link Monotonic}. */
export function monotonic(): Invariant {
  return new Monotonic();
}

/** What was in memory only is gone. */
function restart(seen: Seen, life: number): void {
  seen.life = life;
  seen.term = seen.durableTerm;
  seen.vote = seen.durableVote;
  seen.commit = 0;
  seen.applied = 0;
  seen.state = 0;
}

function forward(node: NodeView, what: string, before: number, now: number): void {
  if (now >= before) return;
  throw new InvariantViolation(
    NAME,
    `the ${what} of node ${node.id} (life ${node.life}) went back from ${before} to ${now}`,
  );
}

function once(node: NodeView, what: string, before: number, now: number): void {
  if (before === 0 || now === before) return;
  throw new InvariantViolation(
    NAME,
    `the ${what} of node ${node.id} (life ${node.life}) changed from node ${before} to node ${now} within term ${node.inspection.term}`,
  );
}
