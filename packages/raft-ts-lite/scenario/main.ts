/**
 * `pnpm scenario PATH…`: replays scenario files, or all `.txt` files below folders. Ends with the line
 * `N passed, N failed`; exit status 0 when none failed, 1 when one did, 2 when a path is missing or no file was found.
 * `UPDATE=1` rewrites the recorded output instead, in files of this repository only.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { replayText, rewriteText } from "./replay-file.ts";
import { describeMismatch } from "./report.ts";

// dist-scenario/scenario/main.js is four folders below the repository's root.
const ROOT = realpathSync(fileURLToPath(new URL("../../../../", import.meta.url)));
const OWN_SCENARIOS = join(ROOT, "packages/raft-ts-lite/test/scenarios");

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

function main(args: readonly string[]): number {
  // npm and pnpm run scripts in the package's folder; a path is meant from where the user stands.
  const base = process.env["INIT_CWD"] ?? process.cwd();
  const paths = args.filter((arg) => arg !== "--");
  const targets = paths.length > 0 ? paths.map((path) => resolve(base, path)) : [OWN_SCENARIOS];
  const missing = targets.filter((target) => !existsSync(target));
  if (missing.length > 0) {
    for (const path of missing)
      process.stderr.write(`scenario: no such file or folder (${path})\n`);
    return EXIT_USAGE;
  }
  const files = targets.flatMap(filesBelow);
  if (files.length === 0) {
    process.stderr.write(`scenario: no .txt file in (${targets.join(", ")})\n`);
    return EXIT_USAGE;
  }
  const update = process.env["UPDATE"] === "1";
  let failed = 0;
  for (const file of files) {
    const ok = update ? updateFile(file) : replayFile(file, displayPath(base, file));
    if (!ok) failed++;
  }
  process.stdout.write(`${files.length - failed} passed, ${failed} failed\n`);
  return failed > 0 ? EXIT_FAILED : 0;
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile());
}

function displayPath(base: string, file: string): string {
  const path = relative(base, file);
  return path.startsWith("..") ? file : path;
}

function replayFile(file: string, shown: string): boolean {
  try {
    const mismatch = replayText(readFileSync(file, "utf8"));
    process.stdout.write(
      mismatch === undefined ? `ok ${shown}\n` : `FAIL ${describeMismatch(shown, mismatch)}`,
    );
    return mismatch === undefined;
  } catch (error) {
    process.stdout.write(
      `FAIL ${shown}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return false;
  }
}

/** Recordings from elsewhere are evidence: they are never rewritten. */
function updateFile(file: string): boolean {
  if (!realpathSync(file).startsWith(ROOT + sep)) {
    process.stderr.write(`scenario: not rewritten, since it is outside the repository (${file})\n`);
    return false;
  }
  const before = readFileSync(file, "utf8");
  const after = rewriteText(before);
  if (after !== before) writeFileSync(file, after);
  process.stdout.write(`${after === before ? "same" : "rewritten"} ${displayPath(ROOT, file)}\n`);
  return true;
}

process.exitCode = main(process.argv.slice(2));
