import type { ConfState, NodeId } from "raft-ts-lite";

/** Whether most voters satisfy `has`: of both sets, while the configuration is joint. Naive on purpose, and no code of what is tested. */
export function isQuorum(
  { voters, votersOutgoing }: ConfState,
  has: (id: NodeId) => boolean,
): boolean {
  return (
    hasMajority(voters, has) && (votersOutgoing.length === 0 || hasMajority(votersOutgoing, has))
  );
}

function hasMajority(ids: readonly NodeId[], has: (id: NodeId) => boolean): boolean {
  return ids.filter(has).length * 2 > ids.length;
}

/** `(1 2 3)`, and while joint `(1 2 3)&&(2 3 4)`. */
export function describeVoters({ voters, votersOutgoing }: ConfState): string {
  const incoming = `(${voters.join(" ")})`;
  return votersOutgoing.length === 0 ? incoming : `${incoming}&&(${votersOutgoing.join(" ")})`;
}
