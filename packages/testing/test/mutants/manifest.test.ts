import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseMutant, readMutants, readTraps } from "../../programs/mutants/manifest.ts";
import { applyChange } from "../../programs/mutants/patch.ts";

const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const folder = path.join(repository, "packages/testing/mutants");
const mutants = readMutants(folder);
const traps = readTraps(folder);

describe("every mutant", () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))("%s fits", (name, mutant) => {
    for (const change of mutant.changes) {
      expect(change.file).toMatch(/^packages\/[\w-]+\/src\//);
      const source = readFileSync(path.join(repository, change.file), "utf8");
      expect(applyChange(source, change)).not.toBe(source);
    }
    expect(Number(name.slice(0, 2))).toBeOneOf([...mutant.traps]);
    expect(mutant.suites.length).toBeGreaterThan(0);
    for (const suite of mutant.suites) {
      if (suite.type === "tests") expect(suite.path).toSatisfy(isInRepository);
    }
  });

  test("is of a trap that is listed", () => {
    const known = traps.map(({ number }) => number);
    for (const mutant of mutants) for (const trap of mutant.traps) expect(known).toContain(trap);
  });
});

function isInRepository(file: string): boolean {
  return existsSync(path.join(repository, file));
}

test("the list has every trap, and every trap has a mutant or a reason why it has none", () => {
  expect(traps.map(({ number }) => number)).toEqual(Array.from({ length: 56 }, (_, i) => i + 1));
  for (const { number, notExpressed } of traps) {
    const count = mutants.filter((mutant) => mutant.traps.includes(number)).length;
    expect({ number, hasMutant: count > 0 }).toEqual({
      number,
      hasMutant: notExpressed === undefined,
    });
  }
});

test("a patch that does not say what it is, is refused", () => {
  const diff = "--- a/x\n+++ b/x\n@@ @@\n-one\n+two\n";
  expect(parseMutant("05-x", `Trap: 5, 6\nBreaks: it.\nSuite: a/b -t c d\n${diff}`)).toMatchObject({
    traps: [5, 6],
    suites: [{ type: "tests", path: "a/b", names: "c d" }],
  });
  expect(() => parseMutant("05-x", `Breaks: it.\n${diff}`)).toThrow(/which trap/);
  expect(() => parseMutant("05-x", "Trap: 5\nBreaks: it.\n")).toThrow(/changes nothing/);
});
