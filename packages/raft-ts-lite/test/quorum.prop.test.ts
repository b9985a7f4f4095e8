import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NodeId } from "../src/message.ts";
import {
  jointCommittedIndex,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
  type VoteResult,
} from "../src/quorum.ts";

// Few ids and few indexes, so that halves overlap and indexes tie; some of two digits, which text would order otherwise.
const id = fc.integer({ min: 1, max: 9 });
const voters = fc.uniqueArray(id, { maxLength: 7 }).map((ids) => new Set(ids));
const acks = fc
  .array(fc.tuple(id, fc.integer({ min: 0, max: 11 })))
  .map((pairs) => new Map<NodeId, number>(pairs));
const votes = fc.array(fc.tuple(id, fc.boolean())).map((pairs) => new Map<NodeId, boolean>(pairs));

const lookUp =
  (indexes: ReadonlyMap<NodeId, number>) =>
  (of: NodeId): number | undefined =>
    indexes.get(of);

/** The definition: the highest index that more than half of the voters have reached. */
function naiveCommittedIndex(
  ids: ReadonlySet<NodeId>,
  indexes: ReadonlyMap<NodeId, number>,
): number {
  if (ids.size === 0) return Infinity;
  for (let index = 12; index > 0; index--) {
    const reached = [...ids].filter((one) => (indexes.get(one) ?? 0) >= index);
    if (reached.length * 2 > ids.size) return index;
  }
  return 0;
}

/** The definition: what every way to complete the election leads to, if they all lead to the same. */
function naiveVoteResult(
  halves: readonly ReadonlySet<NodeId>[],
  cast: ReadonlyMap<NodeId, boolean>,
): VoteResult {
  const open = [...new Set(halves.flatMap((half) => [...half]))].filter((one) => !cast.has(one));
  const outcomes = new Set<boolean>();
  for (let completion = 0; completion < 2 ** open.length; completion++) {
    const granted = (one: NodeId): boolean =>
      cast.get(one) ?? Math.floor(completion / 2 ** open.indexOf(one)) % 2 === 1;
    const wins = (half: ReadonlySet<NodeId>): boolean =>
      half.size === 0 || [...half].filter(granted).length * 2 > half.size;
    outcomes.add(halves.every(wins));
  }
  if (outcomes.size === 2) return "VotePending";
  return outcomes.has(true) ? "VoteWon" : "VoteLost";
}

describe("committed index", () => {
  it("is what the definition says", () => {
    fc.assert(
      fc.property(voters, acks, (ids, indexes) => {
        expect(majorityCommittedIndex(ids, lookUp(indexes))).toBe(
          naiveCommittedIndex(ids, indexes),
        );
      }),
    );
  });

  it("of a joint configuration is what both halves have reached, in either order", () => {
    fc.assert(
      fc.property(voters, voters, acks, (incoming, outgoing, indexes) => {
        const expected = Math.min(
          naiveCommittedIndex(incoming, indexes),
          naiveCommittedIndex(outgoing, indexes),
        );
        expect(jointCommittedIndex(incoming, outgoing, lookUp(indexes))).toBe(expected);
        expect(jointCommittedIndex(outgoing, incoming, lookUp(indexes))).toBe(expected);
      }),
    );
  });

  it("does not depend on the order in which voters joined", () => {
    fc.assert(
      fc.property(voters, acks, (ids, indexes) => {
        const reversed = new Set([...ids].reverse());
        expect(majorityCommittedIndex(reversed, lookUp(indexes))).toBe(
          majorityCommittedIndex(ids, lookUp(indexes)),
        );
      }),
    );
  });

  it("never falls when an acknowledgement rises", () => {
    fc.assert(
      fc.property(voters, voters, acks, id, fc.nat(3), (one, other, indexes, who, by) => {
        const raised = new Map(indexes).set(who, (indexes.get(who) ?? 0) + by);
        expect(jointCommittedIndex(one, other, lookUp(raised))).toBeGreaterThanOrEqual(
          jointCommittedIndex(one, other, lookUp(indexes)),
        );
      }),
    );
  });
});

describe("vote result", () => {
  it("of a majority is what every completion of the election leads to", () => {
    fc.assert(
      fc.property(voters, votes, (ids, cast) => {
        expect(majorityVoteResult(ids, cast)).toBe(naiveVoteResult([ids], cast));
      }),
    );
  });

  it("of a joint configuration is what every completion leads to, in either order", () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        const expected = naiveVoteResult([incoming, outgoing], cast);
        expect(jointVoteResult(incoming, outgoing, cast)).toBe(expected);
        expect(jointVoteResult(outgoing, incoming, cast)).toBe(expected);
      }),
    );
  });

  it("lets no two candidates win the same election", () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        fc.pre(incoming.size > 0);
        // Whoever grants one candidate its vote refuses the other.
        const rival = new Map([...cast].map(([one, granted]) => [one, !granted]));
        const results = [cast, rival].map((one) => jointVoteResult(incoming, outgoing, one));
        expect(results).not.toEqual(["VoteWon", "VoteWon"]);
      }),
    );
  });
});
