/**
 * Counts tests from the reports that vitest leaves in each package.
 *
 * @module
 */

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * The part of vitest's JSON report that counting needs.
 *
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly { status: string, assertionResults: readonly { status: string }[] }[]} testResults
 */

/**
 * Counts one package. What kept tests from running counts as a failure, since no number of tests
 * that did run can stand for those that did not: a missing report is a run that crashed, and a file
 * that failed without a failing test did not load.
 *
 * @param {Report | undefined} report
 * @returns {Tally}
 */
export function tally(report) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const filesThatDidNotRun = report.testResults.filter(
    (file) =>
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + filesThatDidNotRun,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/**
 * Adds up the packages. A run that failed although no test did (an error outside of any test) is
 * one failure.
 *
 * @param {readonly Tally[]} tallies
 * @param {boolean} succeeded whether the runner reported success
 * @returns {Tally}
 */
export function total(tallies, succeeded) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of tallies) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  if (!succeeded && sum.failed === 0) sum.failed = 1;
  return sum;
}

/**
 * @param {Tally} counts
 * @returns {string}
 */
export function countLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
