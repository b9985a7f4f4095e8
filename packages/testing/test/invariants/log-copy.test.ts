import fc from "fast-check";
import { expect, test } from "vitest";
import { LogCopy } from "../../src/invariants/log-copy.ts";
import { HandMadeNode } from "./hand-made.ts";

/** All that there is to know of a log. */
function contents(node: HandMadeNode): readonly (readonly [number, number | undefined])[] {
  const all: (readonly [number, number | undefined])[] = [];
  for (let at = node.base.index; at <= node.lastIndex; at++) all.push([at, node.termOf(at)]);
  return all;
}

test("a copy says where a log changed, and is equal to it then", () => {
  const change = fc.oneof(
    fc.record({ type: fc.constant("append" as const), count: fc.integer({ min: 1, max: 4 }) }),
    // A leader of a new term puts its entries in the place of what is there from some point on.
    fc.record({ type: fc.constant("overwrite" as const), back: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ type: fc.constant("compact" as const), count: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ type: fc.constant("snapshot" as const), beyond: fc.integer({ min: 1, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const node = new HandMadeNode(1);
      const copy = new LogCopy();
      copy.update(node);
      let term = 1;
      for (const one of changes) {
        const before = new Map(contents(node));
        const last = node.lastIndex;
        if (one.type === "append") {
          node.terms.push(...Array.from({ length: one.count }, () => term));
        } else if (one.type === "overwrite") {
          term += 1;
          node.terms.length = Math.max(0, node.terms.length - one.back);
          node.terms.push(term);
        } else if (one.type === "compact") {
          const index = Math.min(node.lastIndex, node.base.index + one.count);
          const base = { index, term: node.termOf(index) ?? 0 };
          node.terms.splice(0, index - node.base.index);
          node.base = base;
        } else {
          term += 1;
          node.base = { index: node.lastIndex + one.beyond, term };
          node.terms = [];
        }
        const from = copy.update(node);
        let expected = node.base.index;
        while (expected <= last && expected <= node.lastIndex) {
          if (before.get(expected) !== node.termOf(expected)) break;
          expected += 1;
        }
        expect(from).toBe(expected);
        expect([copy.base, copy.last]).toEqual([node.base.index, node.lastIndex]);
        for (const [index, seen] of contents(node)) expect(copy.termOf(index)).toBe(seen);
        expect(copy.termOf(copy.base - 1)).toBeUndefined();
      }
    }),
  );
});

test("an entry that changes while the tail stays is found when its turn comes", () => {
  const node = new HandMadeNode(1).log([1, 1, 2, 2, 2]);
  const copy = new LogCopy();
  copy.update(node);
  node.terms[1] = 2;
  const found = Array.from({ length: 6 }, () => copy.update(node));
  expect(Math.min(...found)).toBe(3);
  expect(copy.termOf(3)).toBe(2);
});

test("what was compacted long ago is given up", () => {
  const node = new HandMadeNode(1).log(Array.from({ length: 5_000 }, () => 1));
  const copy = new LogCopy();
  copy.update(node);
  node.terms.splice(0, 4_000);
  node.base = { index: 4_001, term: 1 };
  expect(copy.update(node)).toBe(5_002);
  expect([copy.termOf(4_000), copy.termOf(4_001), copy.termOf(5_001)]).toEqual([undefined, 1, 1]);
});
