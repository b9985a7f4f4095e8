// `pnpm fix`: the one command that writes. Formats, applies the linter's fixes, rewrites API reports.
import { build, pnpm, run, say } from "./house.mjs";

const steps = [
  () => (say("Lint: applying fixes."), run("eslint", [".", "--fix"])),
  () => (say("Format: rewriting."), run("prettier", [".", "--write", "--log-level", "warn"])),
  () => build(),
  () => (
    say("API reports: rewriting packages/*/etc/*.api.md."),
    pnpm(["--recursive", "--no-bail", "run", "fix:api"])
  ),
];

// Every step runs: a lint error that no fix exists for must not keep the rest from being written.
const outcomes = steps.map((step) => step());
process.exitCode = outcomes.every(Boolean) ? 0 : 1;
