import { describe, expect, it } from "vitest";

import { countLine, tally, total, type Report } from "../tally.mjs";

const nothing: Report = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
};

describe("tally", () => {
  it("takes the counts of a report, what was left to do among the skipped", () => {
    const report = { ...nothing, numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 };
    expect(tally(report)).toEqual({ passed: 3, failed: 0, skipped: 2 });
  });

  it("counts a run that left no report as a failure", () => {
    expect(tally(undefined)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("counts a file that did not load as a failure", () => {
    const testResults = [{ status: "failed", assertionResults: [] }];
    expect(tally({ ...nothing, numPassedTests: 3, testResults })).toEqual({
      passed: 3,
      failed: 1,
      skipped: 0,
    });
  });

  it("counts a failing test once", () => {
    const testResults = [{ status: "failed", assertionResults: [{ status: "failed" }] }];
    expect(tally({ ...nothing, numFailedTests: 1, testResults }).failed).toBe(1);
  });
});

describe("total", () => {
  it("adds up", () => {
    const tallies = [
      { passed: 1, failed: 2, skipped: 3 },
      { passed: 10, failed: 20, skipped: 30 },
    ];
    expect(countLine(total(tallies, false))).toBe("11 passed, 22 failed, 33 skipped");
  });

  it("counts a run that failed without a failing test", () => {
    expect(total([{ passed: 1, failed: 0, skipped: 0 }], false).failed).toBe(1);
  });
});
