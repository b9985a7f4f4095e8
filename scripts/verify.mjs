// `pnpm verify [--without-tests]`: the whole gate. It runs every step, writes no source file, and
// ends with one line per step.
import { buildAndCheckTypes, install, pnpm, run, say } from "./house.mjs";

/** @type {[name: string, step: () => boolean][]} */
const steps = [
  ["format", () => run("prettier", [".", "--check", "--log-level", "warn"])],
  ["types", () => buildAndCheckTypes()],
  ["lint", () => run("eslint", [".", "--max-warnings", "0"])],
  [
    "boundaries",
    () => run("depcruise", ["packages", "examples", "bench", "scripts", "--output-type", "err"]),
  ],
  ["dead code", () => run("knip", [])],
  ["tests", () => run("node", ["scripts/test.mjs"])],
  ["api", () => pnpm(["exec", "turbo", "run", "check:api", "--continue"])],
  ["pack", () => pnpm(["exec", "turbo", "run", "check:pack", "--continue"])],
];

const wanted = process.argv.includes("--without-tests")
  ? steps.filter(([name]) => name !== "tests")
  : steps;

if (!install()) {
  process.exitCode = 1;
} else {
  const outcomes = wanted.map(([name, step]) => {
    say(`Verify: ${name}`);
    const startedAt = performance.now();
    const passed = step();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    return { passed, line: `${passed ? "ok    " : "FAILED"} ${name} (${seconds} s)` };
  });
  say("Verify: summary");
  for (const { line } of outcomes) console.log(line);
  process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;
}
