import type { ConfState, NodeId } from "raft-ts-lite";
import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { LogCopy } from "./log-copy.ts";
import { PerNode } from "./per-node.ts";
import { describeVoters, isQuorum } from "./quorum-of.ts";

const NAME = "committed-on-quorum";

/** What is known of one incarnation of a node, also while it is down: its disk is what it was. */
interface Holder {
  readonly copy: LogCopy;
  stable: number;
  confState: ConfState;
}

/**
 * When an index is first seen to be committed, its entry is on the disks of most voters (most of both sets, in a
 * joint configuration), as the node that committed it has applied the configuration.
 *
 * A node acknowledges what its disk holds already, so the leader can never know of more than this sees. A node that
 * is down counts with what it had. So does the disk that a node lost: what it acknowledged before is rightly counted,
 * since the acknowledgement may have been under way. Two steps of a node may become visible at once, a commit and the
 * configuration that it brought: either one may be the one by which the commit was decided. Where a follower is the
 * first to be seen, its leader died in the moment in which it committed, and any configuration that a node was last
 * seen with may have been the leader's.
 *
 * Raft paper, section 5.3; thesis, section 4.3; traps 6, 8, 10, 34 and 36.
 */
class CommittedOnQuorum implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, section 5.3; thesis, section 4.3; traps 6, 8, 10, 34, 36";
  readonly #nodes = new PerNode("incarnation", (node) => this.#begin(node));
  readonly #holders = new Map<NodeId, Holder[]>();
  #last = 0;

  started(node: NodeView): void {
    this.#observe(node);
  }

  stepped(node: NodeView): void {
    const before = this.#observe(node);
    const { commit } = node.inspection;
    if (commit <= this.#last) return;
    this.#last = commit;
    // The log begins behind what was committed elsewhere, or with the entry that every founder was given and nobody
    // proposed.
    if (node.inspection.firstIndex > commit) return;
    this.#check(node, before);
  }

  /** Returns the configuration before this step. */
  #observe(node: NodeView): ConfState {
    const { inspection } = node;
    const holder = this.#nodes.of(node);
    const before = holder.confState;
    holder.copy.update(inspection);
    holder.stable = inspection.stableIndex;
    holder.confState = inspection.confState;
    return before;
  }

  #begin({ id, inspection }: NodeView): Holder {
    const holder = { copy: new LogCopy(), stable: 0, confState: inspection.confState };
    const others = this.#holders.get(id);
    if (others === undefined) this.#holders.set(id, [holder]);
    else others.push(holder);
    return holder;
  }

  #check({ id, inspection }: NodeView, before: ConfState): void {
    const { role, term: current, commit: index, confState } = inspection;
    const term = inspection.termOf(index);
    const has = (voter: NodeId): boolean => this.#holds(voter, index, term);
    if (isQuorum(confState, has) || isQuorum(before, has)) return;
    if (role !== "leader" && this.#configurations().some((one) => isQuorum(one, has))) return;
    const ids = [...new Set([...confState.voters, ...confState.votersOutgoing])];
    const on = ids.filter(has).join(", ");
    throw new InvariantViolation(
      NAME,
      `node ${id} (${role} in term ${current}) takes entry ${index} of term ${term ?? 0} for committed, but of the voters ${describeVoters(confState)} only the disks of (${on}) hold it`,
    );
  }

  #holds(id: NodeId, index: number, term: number | undefined): boolean {
    for (const { copy, stable } of this.#holders.get(id) ?? []) {
      if (index <= copy.base) return true;
      if (index <= stable && copy.termOf(index) === term) return true;
    }
    return false;
  }

  #configurations(): readonly ConfState[] {
    return [...this.#holders.values()].flat().map(({ confState }) => confState);
  }
}

/** See {@link CommittedOnQuorum}. */
export function committedOnQuorum(): Invariant {
  return new CommittedOnQuorum();
}
