import type { Message } from "raft-ts-lite";
import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "one-vote-per-term";

/**
 * A node votes for at most one candidate in a term, itself included, also across crashes; and no vote leaves it
 * before it is durable. A request for votes says that its sender votes for itself. Of a disk that was wiped, nothing
 * is remembered.
 *
 * Raft paper, figure 2 (`votedFor`) and section 5.2; thesis, section 3.8; traps 5 and 38.
 */
export function oneVotePerTerm(): Invariant {
  /** Per node, by term. */
  const votes = new PerNode("incarnation", () => new Map<number, number>());
  return {
    name: NAME,
    source: "Raft paper, figure 2 and section 5.2; thesis, section 3.8; traps 5, 38",
    sent(from, message) {
      const candidate = voteIn(message);
      if (candidate === undefined) return;
      const { term } = message;
      const earlier = votes.of(from).get(term);
      if (earlier !== undefined && earlier !== candidate) {
        throw new InvariantViolation(
          NAME,
          `node ${from.id} (life ${from.life}) votes for node ${candidate} in term ${term}, in which it voted for node ${earlier}`,
        );
      }
      votes.of(from).set(term, candidate);
      requireDurable(from, term, candidate);
    },
  };
}

/** For whom the sender votes. */
function voteIn(message: Message): number | undefined {
  if (message.type === "RequestVote") return message.from;
  if (message.type === "RequestVoteResponse" && !message.reject) return message.to;
  return undefined;
}

function requireDurable(from: NodeView, term: number, candidate: number): void {
  const { durable } = from.inspection;
  // The message may leave late, when a later term is on disk already. What was there before cannot be seen any more.
  if (durable.term > term || (durable.term === term && durable.vote === candidate)) return;
  const holds =
    durable.term < term
      ? `its disk knows only term ${durable.term}`
      : `its disk holds ${durable.vote === 0 ? "no vote" : `a vote for node ${durable.vote}`}`;
  throw new InvariantViolation(
    NAME,
    `node ${from.id} (life ${from.life}) sends its vote for node ${candidate} in term ${term}, but ${holds}`,
  );
}
