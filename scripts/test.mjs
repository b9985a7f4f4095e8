// `npm test`: installs, builds and runs every test of every package. The last line counts them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

import { build, install, pnpm, readManifest, root, say, workspaces } from "./house.mjs";
import { countLine, tally, total } from "./tally.mjs";

/** @param {string} folder */
const reportOf = (folder) => path.join(root, folder, ".reports", "tests.json");

/**
 * @param {string} folder
 * @returns {import("./tally.mjs").Report | undefined} undefined when the run left none
 */
function readReport(folder) {
  try {
    /** @type {unknown} */
    const report = JSON.parse(readFileSync(reportOf(folder), "utf8"));
    return /** @type {import("./tally.mjs").Report} */ (report);
  } catch {
    return undefined;
  }
}

function runTests() {
  const folders = workspaces().filter((folder) => readManifest(folder).scripts?.["test"]);
  // A report of an earlier run must not stand in for a run that crashed.
  for (const folder of folders) rmSync(reportOf(folder), { force: true });
  say(`Test: ${folders.join(", ")}`);
  // One package at a time: tests with real disks and sockets then have the machine to themselves.
  const succeeded = pnpm(["exec", "turbo", "run", "test", "--continue", "--concurrency=1"]);

  const tallies = folders.map((folder) => ({ folder, counts: tally(readReport(folder)) }));
  say("Tests by package");
  for (const { folder, counts } of tallies) console.log(`${folder}: ${countLine(counts)}`);
  return total(
    tallies.map(({ counts }) => counts),
    succeeded,
  );
}

const counts = install() && build() ? runTests() : { passed: 0, failed: 1, skipped: 0 };
const line = countLine(counts);
// .ci/run prints the line again after the rest of the gate.
mkdirSync(path.join(root, ".reports"), { recursive: true });
writeFileSync(path.join(root, ".reports", "tests.txt"), `${line}\n`);
console.log(`\n${line}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
