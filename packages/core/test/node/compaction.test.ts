import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compactionTarget, type CompactionInput } from "../../src/node/compaction.ts";

interface Drawn {
  readonly sizes: readonly number[];
  readonly firstIndex: number;
  readonly checkpoint: number;
  readonly overhead: number;
  readonly retainBytes: number;
  readonly followers: readonly number[];
  readonly retainForFollowersBytes: number;
}

const drawn: fc.Arbitrary<Drawn> = fc
  .record({ sizes: fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }), base: fc.nat(50) })
  .chain(({ sizes, base }) =>
    fc.record({
      sizes: fc.constant(sizes),
      firstIndex: fc.constant(base + 1),
      checkpoint: fc.integer({ min: 0, max: base + sizes.length }),
      overhead: fc.nat(20),
      retainBytes: fc.nat(200),
      followers: fc.array(fc.integer({ min: 0, max: base + sizes.length }), { maxLength: 4 }),
      retainForFollowersBytes: fc.nat(400),
    }),
  );

/** The sizes of the entries from `index` on, added up one by one. */
function bytesFrom({ sizes, firstIndex }: Drawn, index: number): number {
  return sizes.slice(Math.max(0, index - firstIndex)).reduce((sum, size) => sum + size, 0);
}

function inputOf(log: Drawn): CompactionInput {
  return { ...log, bytesFrom: (index) => bytesFrom(log, index) };
}

/** Every cut is tried, from the largest down; 0 entries cut when none will do. */
function naiveCut(log: Drawn): number {
  const { checkpoint, overhead, firstIndex, retainBytes, retainForFollowersBytes } = log;
  const needed = log.followers.filter(
    (match) => match + 1 >= firstIndex && bytesFrom(log, match + 1) <= retainForFollowersBytes,
  );
  const limit = Math.min(checkpoint - overhead, ...needed);
  for (let cut = limit; cut >= firstIndex; cut--) {
    if (bytesFrom(log, cut + 1) >= retainBytes) return cut;
  }
  return firstIndex - 1;
}

describe("compactionTarget", () => {
  test("is the largest cut that keeps what it must, as trying all of them finds it", () => {
    fc.assert(
      fc.property(drawn, (log) => {
        const cut = Math.max(log.firstIndex - 1, compactionTarget(inputOf(log)));
        expect(cut).toBe(naiveCut(log));
      }),
      { numRuns: 500 },
    );
  });

  test("keeps nothing for a follower that the log does not reach, nor for one too far behind", () => {
    const sizes = Array.from({ length: 10 }, () => 10);
    const log = { sizes, firstIndex: 11, checkpoint: 20, overhead: 2, retainBytes: 0 };
    const cut = (followers: readonly number[], retainForFollowersBytes: number): number =>
      compactionTarget(inputOf({ ...log, followers, retainForFollowersBytes }));
    expect(cut([], 0)).toBe(18);
    expect(cut([3], 1_000)).toBe(18);
    expect(cut([12], 80)).toBe(12);
    expect(cut([12], 79)).toBe(18);
    expect(cut([12, 15], 50)).toBe(15);
  });
});
