import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "index-order";

interface Seen {
  commit: number;
  /** Index of the snapshot that is being switched in; 0: none. */
  installing: number;
}

/**
 * `purged ≤ applied ≤ state ≤ committed ≤ last` and `stable ≤ last`, where `purged` is the last compacted index,
 * `applied` what the core was told of, and `state` where the state machine stands. No snapshot needs to be kept for
 * compaction here, a checkpoint of the state machine takes its place: only what is applied is purged.
 *
 * One exception: from the moment in which the core accepts a snapshot, its log begins behind it, while the state is
 * still being switched. That is told from a log that was cut too far by the commit index, which the snapshot raised
 * in the same step.
 *
 * Design, sections 4 and 7; Raft paper, figure 2 (`lastApplied ≤ commitIndex`); traps 4, 12, 51 and 53.
 */
export function indexOrder(): Invariant {
  const nodes = new PerNode<Seen>("life", ({ inspection }) => ({
    commit: inspection.commit,
    installing: 0,
  }));
  return {
    name: NAME,
    source: "design, sections 4 and 7; Raft paper, figure 2; traps 4, 12, 51, 53",
    stepped(node) {
      const { firstIndex, applied, commit, lastIndex, stableIndex, machine } = node.inspection;
      const seen = nodes.of(node);
      const purged = firstIndex - 1;
      if (purged > applied && seen.commit < purged) seen.installing = purged;
      if (purged <= applied) seen.installing = 0;
      seen.commit = commit;
      if (purged > applied && seen.installing !== purged) broken(node, "purged", "applied");
      if (applied > machine.index) broken(node, "applied", "state");
      if (machine.index > commit) broken(node, "state", "committed");
      if (commit > lastIndex) broken(node, "committed", "last");
      if (stableIndex > lastIndex) broken(node, "stable", "last");
    },
  };
}

function broken({ id, inspection }: NodeView, lower: string, upper: string): never {
  const { firstIndex, applied, machine, commit, stableIndex, lastIndex } = inspection;
  throw new InvariantViolation(
    NAME,
    `at node ${id}, ${lower} is above ${upper}: purged ${firstIndex - 1}, applied ${applied}, state ${machine.index}, committed ${commit}, stable ${stableIndex}, last ${lastIndex}`,
  );
}
