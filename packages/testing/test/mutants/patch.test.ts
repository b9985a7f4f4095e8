import { expect, test } from "vitest";
import { applyChange, parsePatch, type FileChange } from "../../programs/mutants/patch.ts";

const SOURCE = "one\ntwo\n  three\nfour\ntwo\nfive\n";

function change(diff: string): FileChange {
  const [only] = parsePatch(diff).changes;
  if (only === undefined) throw new Error("a diff of one file");
  return only;
}

test("a patch is read with the lines before it, and hunks of several files", () => {
  const { head, changes } = parsePatch(
    "Trap: 1\n--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1,1 @@\n-one\n two\n--- a/y.ts\n+++ b/y.ts\n@@ -1 +1 @@\n-a\n+b\n",
  );
  expect(head).toEqual(["Trap: 1"]);
  expect(changes).toEqual([
    { file: "x.ts", hunks: [{ before: "one\ntwo\n", after: "two\n" }] },
    { file: "y.ts", hunks: [{ before: "a\n", after: "b\n" }] },
  ]);
});

test("hunks find their places by what they say, and not by the numbers of lines", () => {
  const both = change(
    "--- a/x\n+++ b/x\n@@ -70 +70 @@\n-one\n+1\n@@ -90,2 +90,3 @@\n four\n-two\n+2\n+and\n",
  );
  expect(applyChange(SOURCE, both)).toBe("1\ntwo\n  three\nfour\n2\nand\nfive\n");
});

test("a hunk that fits nowhere, or in several places, is refused", () => {
  expect(() => applyChange(SOURCE, change("+++ b/x\n@@ @@\n-six\n"))).toThrow(/does not fit/);
  expect(() => applyChange(SOURCE, change("+++ b/x\n@@ @@\n-two\n"))).toThrow(/several places/);
  // Whole lines only.
  expect(() => applyChange(SOURCE, change("+++ b/x\n@@ @@\n-three\n"))).toThrow(/does not fit/);
});

test("what is no diff is refused", () => {
  expect(() => parsePatch("+++ b/x\nnothing\n")).toThrow(/outside a hunk/);
  expect(() => parsePatch("+++ b/x\n@@ @@\n?\n")).toThrow(/no diff/);
});
