import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { PerNode } from "./per-node.ts";

const NAME = "state-machine-safety";

interface KnownState {
  readonly term: number;
  readonly hash: Uint8Array;
  readonly seenAt: number;
}

interface Seen {
  index: number;
  hash: Uint8Array;
}

/**
 * If a node has applied an entry at an index, no other node ever applies a different one there. The hash of the state
 * is chained over everything that was applied, so states with one index are equal, whoever has them, and also in a
 * later life of a node that went back to its last checkpoint and applied entries again.
 *
 * Raft paper, figure 3 and section 5.4.3; traps 47, 51, 52 and 59.
 */
export function stateMachineSafety(): Invariant {
  const states = new Map<number, KnownState>();
  const nodes = new PerNode<Seen>("life", () => ({ index: -1, hash: new Uint8Array(0) }));
  return {
    name: NAME,
    source: "Raft paper, figure 3 and section 5.4.3; traps 47, 51, 52, 59",
    stepped(node) {
      const { index, stateHash } = node.inspection.machine;
      const seen = nodes.of(node);
      if (seen.index === index && equal(seen.hash, stateHash)) return;
      seen.index = index;
      seen.hash = stateHash;
      compare(states, node);
    },
  };
}

function compare(states: Map<number, KnownState>, { id, inspection }: NodeView): void {
  const { index, term, stateHash } = inspection.machine;
  const known = states.get(index);
  if (known === undefined) {
    states.set(index, { term, hash: stateHash.slice(), seenAt: id });
    return;
  }
  if (known.term !== term) {
    throw new InvariantViolation(
      NAME,
      `node ${id} applied an entry of term ${term} at index ${index}, where node ${known.seenAt} applied one of term ${known.term}`,
    );
  }
  if (!equal(known.hash, stateHash)) {
    throw new InvariantViolation(
      NAME,
      `node ${id} and node ${known.seenAt} applied everything up to index ${index}, but their states differ (${start(stateHash)} and ${start(known.hash)})`,
    );
  }
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** The first bytes of a hash, for people. */
function start(hash: Uint8Array): string {
  return [...hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
