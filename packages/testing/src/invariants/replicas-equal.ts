import type { ConfState } from "raft-ts-lite";
import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";

const NAME = "replicas-equal";

/**
 * Once all faults are over and the cluster has healed, all running members of the group stand at the same index, with
 * the same state and the same configuration. Who is a member, the node says that has applied most; a node that was
 * removed need not hear of it.
 *
 * Design, section 7 (the liveness phase); traps 33, 35, 50, 52 and 59.
 */
export function replicasEqual(): Invariant {
  return {
    name: NAME,
    source: "design, section 7; traps 33, 35, 50, 52, 59",
    finished({ nodes }) {
      const furthest = nodes.reduce<NodeView | undefined>(
        (best, node) => (best === undefined || stateIndex(node) > stateIndex(best) ? node : best),
        undefined,
      );
      if (furthest === undefined) return;
      for (const node of nodes) {
        if (isMember(node.id, furthest.inspection.confState)) compare(furthest, node);
      }
    },
  };
}

function compare(one: NodeView, other: NodeView): void {
  const expected = describe(one);
  const found = describe(other);
  if (expected === found) return;
  throw new InvariantViolation(
    NAME,
    `all faults are over, but node ${one.id} is at ${expected}, and node ${other.id} at ${found}`,
  );
}

function describe({ inspection }: NodeView): string {
  const { machine, confState } = inspection;
  const hash = [...machine.stateHash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  const members = [
    `voters (${voters.join(" ")})`,
    ...(votersOutgoing.length > 0 ? [`outgoing (${votersOutgoing.join(" ")})`] : []),
    ...(learners.length > 0 ? [`learners (${learners.join(" ")})`] : []),
    ...(learnersNext.length > 0 ? [`next learners (${learnersNext.join(" ")})`] : []),
  ];
  return `index ${machine.index} with state ${hash} and ${members.join(", ")}`;
}

function stateIndex({ inspection }: NodeView): number {
  return inspection.machine.index;
}

function isMember(id: number, { voters, learners, votersOutgoing }: ConfState): boolean {
  return [voters, learners, votersOutgoing].some((ids) => ids.includes(id));
}
