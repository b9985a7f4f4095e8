import { writeFileSync } from "node:fs";
import path from "node:path";
import {
  checkHistory,
  HistoryError,
  type HistoryVerdict,
  parseHistory,
  type ParsedHistory,
} from "@holdfast/testing/history";
import { findHistories, type HistoryFile, readExpectations, readText } from "./files.ts";
import { drawHistory } from "./drawing.ts";
import { shownOperations } from "./operations.ts";
import { type CheckOptions, readOptions, USAGE, UsageError } from "./options.ts";
import { windowText } from "./window-text.ts";

/** What the command touches beside files. */
export interface Terminal {
  /** What relative paths are relative to. */
  readonly directory: string;
  readonly print: (line: string) => void;
  readonly printError: (line: string) => void;
}

const EVERYTHING_FITS = 0;
const SOMETHING_DOES_NOT = 1;
const UNUSABLE = 2;

/** Runs the command, and answers its exit status. */
export function main(args: readonly string[], terminal: Terminal): number {
  try {
    const options = readOptions(args);
    if (options === "help") {
      terminal.print(USAGE);
      return EVERYTHING_FITS;
    }
    return checkAll(options, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.printError(error.message);
    terminal.printError("`pnpm check-history --help` says what there is.");
    return UNUSABLE;
  }
}

/** What became of one file. */
interface Checked {
  readonly history: ParsedHistory;
  readonly verdict: HistoryVerdict;
  readonly fits: boolean;
}

function checkAll(options: CheckOptions, terminal: Terminal): number {
  const { directory, print } = terminal;
  const expectations =
    options.expect === undefined ? undefined : readExpectations(directory, options.expect);
  const files = findHistories(directory, options.paths, expectations);
  let fitting = 0;
  let isUsable = true;
  let drawn: { file: HistoryFile; checked: Checked } | undefined;
  for (const file of files) {
    const checked = checkOne(file, options, terminal);
    if (checked === undefined) {
      isUsable = false;
      continue;
    }
    if (checked.fits) fitting += 1;
    if (drawn?.checked.verdict.window === undefined) {
      drawn =
        drawn === undefined || checked.verdict.window !== undefined ? { file, checked } : drawn;
    }
  }
  if (options.html !== undefined && drawn !== undefined) {
    const { file, checked } = drawn;
    writeFileSync(
      path.resolve(directory, options.html),
      drawHistory(file.name, checked.history, checked.verdict),
    );
    print(`${file.name}: drawn in ${options.html}`);
  }
  const wanted = expectations === undefined ? "linearizable" : "as expected";
  if (files.length > 1) print(`${fitting} of ${files.length} histories ${wanted}`);
  if (!isUsable) return UNUSABLE;
  return fitting === files.length ? EVERYTHING_FITS : SOMETHING_DOES_NOT;
}

function checkOne(
  { name, file, expected }: HistoryFile,
  { model, maxSteps }: CheckOptions,
  { print, printError }: Terminal,
): Checked | undefined {
  const text = readText(file, name);
  try {
    const history = parseHistory(text, name);
    const { events, missing, placeOf } = history;
    const options = { model: model ?? history.model, missing, maxSteps, placeOf };
    const verdict = checkHistory(events, options);
    print(`${name}: ${verdict.verdict.replace("-", " ")}`);
    if (verdict.window !== undefined) {
      for (const line of windowText(verdict.window, shownOperations(history))) print(line);
    }
    const wanted = expected === false ? "not-linearizable" : "linearizable";
    const fits = verdict.verdict === wanted;
    if (!fits && expected !== undefined) print(`  expected: ${wanted.replace("-", " ")}`);
    return { history, verdict, fits };
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    printError(error.message);
    return undefined;
  }
}
