import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EntryIndex } from "../../src/log/entry-index.ts";

interface Place {
  readonly term: number;
  readonly position: number;
  readonly length: number;
}

// Counts and distances of a few hundred, so that pages are begun, left and dropped.
const action = fc.oneof(
  fc.record({ type: fc.constant("append" as const), count: fc.nat(900), newTerm: fc.boolean() }),
  fc.record({ type: fc.constant("truncate" as const), back: fc.nat(1_200) }),
  fc.record({ type: fc.constant("compact" as const), ahead: fc.nat(1_500) }),
  fc.record({ type: fc.constant("restart" as const), base: fc.nat(100_000) }),
);

describe("EntryIndex", () => {
  it("agrees with an array", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (steps) => {
        const index = new EntryIndex();
        let base = 0;
        let baseTerm = 0;
        let places: Place[] = [];
        let term = 1;
        let position = 0;
        for (const step of steps) {
          if (step.type === "append") {
            if (step.newTerm) term += 1;
            for (let left = step.count; left > 0; left--) {
              const place = { term, position, length: 48 + (position % 7) };
              places.push(place);
              index.append(place.term, place.position, place.length);
              position += place.length + 12;
            }
          } else if (step.type === "truncate") {
            const from = Math.max(base + 1, base + places.length - step.back);
            index.truncate(from);
            places.length = Math.min(places.length, from - base - 1);
          } else if (step.type === "compact") {
            const to = base + step.ahead;
            const known = to === base ? baseTerm : (places[to - base - 1]?.term ?? term);
            index.compact(to, known);
            places = places.slice(to - base);
            base = to;
            baseTerm = known;
          } else {
            index.restart(step.base, term);
            places = [];
            base = step.base;
            baseTerm = term;
          }
          expect([index.base, index.last, index.termOf(base)]).toEqual([
            base,
            base + places.length,
            baseTerm,
          ]);
          let bytes = 0;
          for (let at = places.length - 1; at >= 0; at--) {
            const place = places[at];
            const i = base + at + 1;
            bytes += place?.length ?? 0;
            const found = [
              index.termOf(i),
              index.positionOf(i),
              index.lengthOf(i),
              index.bytesFrom(i),
            ];
            const wanted = [place?.term, place?.position, place?.length, bytes];
            if (found.join() !== wanted.join()) expect(found).toEqual(wanted);
          }
          expect(index.bytes).toBe(bytes);
          expect(index.bytesFrom(base + places.length + 1)).toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("takes gaps for what a later compaction or replacement explains", () => {
    const index = new EntryIndex();
    index.compact(5, 2);
    index.skipTo(9);
    index.append(3, 0, 50);
    expect([index.hasGap, index.base, index.last, index.termOf(9)]).toEqual([true, 9, 10, 0]);
    index.compact(7, 2);
    expect(index.hasGap).toBe(true);
    index.compact(9, 3);
    expect([index.hasGap, index.termOf(9)]).toEqual([false, 3]);
    index.skipTo(20);
    expect(index.hasGap).toBe(true);
    index.skipTo(9);
    expect([index.hasGap, index.termOf(9)]).toEqual([false, 3]);
  });

  it("gives memory back when it is truncated or compacted within pages", () => {
    const index = new EntryIndex();
    for (let i = 1; i <= 5_000; i++) index.append(1, i * 100, 60);
    index.compact(4_900, 1);
    index.truncate(4_950);
    for (let i = 4_950; i <= 6_000; i++) index.append(2, i * 1_000, 60);
    expect([
      index.positionOf(4_949),
      index.positionOf(4_950),
      index.termOf(4_949),
      index.termOf(4_950),
    ]).toEqual([494_900, 4_950_000, 1, 2]);
  });
});
