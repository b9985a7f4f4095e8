import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { allInvariants } from "../../src/invariants/all.ts";
import { Bench, HandMadeNode } from "./hand-made.ts";

/** What invariants share. */
const PARTS = ["all.ts", "invariant.ts", "log-copy.ts", "per-node.ts", "quorum-of.ts"];

test("there is one file for each, of its name, and each says where it comes from", () => {
  const files = readdirSync(new URL("../../src/invariants", import.meta.url));
  const expected = files.filter((file) => !PARTS.includes(file)).map((file) => file.slice(0, -3));
  expect(
    allInvariants()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(expected.sort());
  for (const { source } of allInvariants()) expect(source).toMatch(/paper|thesis|design/);
});

test("a healthy group breaks none of them", () => {
  const nodes = [new HandMadeNode(1), new HandMadeNode(2), new HandMadeNode(3)] as const;
  const [one, two, three] = nodes;
  const benches = allInvariants().map((invariant) => new Bench(invariant, nodes));
  const step = (...stepped: readonly HandMadeNode[]): void => {
    for (const bench of benches) bench.step(...stepped);
  };
  for (const bench of benches) for (const node of nodes) bench.start(node);
  step(one.inTerm(2, "leader").log([2], 1));
  for (const node of [two, three]) step(node.inTerm(2).log([2]));
  step(one.log([2]).commits(2), two.commits(2), three.commits(2));
  for (const node of nodes) {
    node.machine = { index: 2, term: 2, stateHash: Buffer.alloc(32, 2) };
    step(node);
    node.applied = 2;
    step(node);
  }
  for (const bench of benches) bench.finish();
});
