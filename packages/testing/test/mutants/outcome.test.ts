import { expect, test } from "vitest";
import type { Ended } from "../../programs/mutants/command.ts";
import { judgeSimulator, judgeTests, type Report } from "../../programs/mutants/outcome.ts";

const done: Ended = { status: 0, late: false, output: "" };
const failed: Ended = { status: 1, late: false, output: "said why" };

function report(...files: (readonly [status: string, name: string][])[]): Report {
  return {
    testResults: files.map((tests) => ({
      message: "cannot be imported",
      assertionResults: tests.map(([status, fullName]) => ({ status, fullName })),
    })),
  };
}

test("a test that failed catches a mutant, and only that", () => {
  expect(judgeTests(failed, report([["passed", "a"]], [["failed", "b"]]))).toEqual({
    type: "failed",
    by: "b",
  });
  expect(
    judgeTests(
      done,
      report([
        ["passed", "a"],
        ["skipped", "b"],
      ]),
    ),
  ).toEqual({
    type: "passed",
    tests: ["a"],
  });
});

test.each([
  ["a file that cannot be imported", failed, report([["passed", "a"]], [])],
  ["no test of that name", done, report([["skipped", "a"]])],
  ["a runner that dies", { ...failed, status: undefined }, undefined],
  ["a failure beside the tests", failed, report([["passed", "a"]])],
  ["a run that does not end", { ...failed, late: true }, report([["failed", "a"]])],
] as const)("%s says nothing", (_, ended, found) => {
  expect(judgeTests(ended, found)).toMatchObject({ type: "broken" });
});

test("the simulator catches with an invariant, and says after how many seeds", () => {
  const failure = { seed: 7, workload: "kv", invariant: "log-matching" };
  expect(judgeSimulator(done, { seeds: 40, failures: [] })).toEqual({ type: "passed", tests: [] });
  expect(judgeSimulator(failed, { seeds: 7, failures: [failure] })).toEqual({
    type: "failed",
    by: "log-matching, seed 7 (kv)",
    seeds: 7,
  });
  expect(judgeSimulator(failed, undefined)).toMatchObject({ type: "broken" });
  expect(judgeSimulator({ ...failed, late: true }, undefined)).toMatchObject({ type: "broken" });
});
