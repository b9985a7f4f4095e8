import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { runNode, type Ended } from "./command.ts";
import type { SimulatorSuite, TestSuite } from "./suite.ts";

/** What a suite says of the code. `broken`: nothing, because it could not be run as it should. */
export type Outcome =
  | { readonly type: "passed"; readonly tests: readonly string[] }
  | { readonly type: "failed"; readonly by: string; readonly seeds?: number }
  | { readonly type: "broken"; readonly why: string };

/** The part of vitest's report that is needed here. */
export interface Report {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
    }[];
  }[];
}

const VITEST = "node_modules/vitest/vitest.mjs";
const TYPESCRIPT = "node_modules/typescript/bin/tsc";
const SIMULATOR = "packages/testing/dist-programs/sim.js";
const PROJECTS = ["packages/raft-ts-lite", "packages/core"];
const SIMULATOR_PROJECT = "packages/testing/programs";
const COMPILE_LIMIT_MS = 180_000;

/** Compiles the copy at `root`, with the simulator if it is needed; says what is wrong. */
export async function compile(root: string, withSimulator: boolean): Promise<string | undefined> {
  const projects = withSimulator ? [...PROJECTS, SIMULATOR_PROJECT] : PROJECTS;
  const ended = await runNode(root, [TYPESCRIPT, "-b", ...projects], COMPILE_LIMIT_MS);
  return ended.status === 0 ? undefined : ended.output;
}

/** Runs tests in the copy at `root`. */
export async function runTests(
  root: string,
  paths: readonly string[],
  names: string | undefined,
  limitMs: number,
): Promise<Outcome> {
  const report = path.join(root, "report.json");
  rmSync(report, { force: true });
  const ended = await runNode(
    root,
    [
      VITEST,
      "run",
      ...paths,
      ...(names === undefined ? [] : ["--testNamePattern", names]),
      "--reporter=json",
      `--outputFile=${report}`,
      // The copies run side by side, each on a core of its own.
      "--maxWorkers=1",
      // The folder of the cache is the original's.
      "--no-cache",
    ],
    limitMs,
  );
  return judgeTests(ended, readReport(report) as Report | undefined);
}

/** Runs one suite of tests in the copy at `root`. */
export function runTestSuite(
  root: string,
  { path: one, names }: TestSuite,
  limitMs: number,
): Promise<Outcome> {
  return runTests(root, [one], names, limitMs);
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * Only a test that ran and failed says that a mutant was caught: a file that cannot be imported, a run without tests or a
 * runner that dies would be "failures" of a patch that is merely nonsense.
 */
export function judgeTests({ late, status, output }: Ended, report: Report | undefined): Outcome {
  if (late) return { type: "broken", why: "the tests did not end in time" };
  if (report === undefined) return { type: "broken", why: `no report of tests: ${output}` };
  const passed: string[] = [];
  for (const { assertionResults, message } of report.testResults) {
    if (assertionResults.length === 0) return { type: "broken", why: `no test ran: ${message}` };
    for (const { status: one, fullName } of assertionResults) {
      if (one === "failed") return { type: "failed", by: fullName };
      if (one === "passed") passed.push(fullName);
    }
  }
  if (passed.length === 0) return { type: "broken", why: "no test has such a name" };
  if (status !== 0) return { type: "broken", why: `the run failed, but no test: ${output}` };
  return { type: "passed", tests: passed };
}

/** The part of the simulator's report that is needed here. */
export interface SimulatorReport {
  /** How many were run, the one that failed included. */
  readonly seeds: number;
  readonly failures: readonly {
    readonly seed: number;
    readonly workload: string;
    readonly invariant: string;
  }[];
}

/** Runs the simulator in the copy at `root`, which was compiled with it. */
export async function runSimulator(
  root: string,
  { args }: SimulatorSuite,
  limitMs: number,
): Promise<Outcome> {
  const report = path.join(root, "report.json");
  rmSync(report, { force: true });
  // One thread, so that the seeds are run in order and their number means something.
  const own = ["--jobs", "1", "--brief", "--json", report];
  const ended = await runNode(root, [SIMULATOR, ...args, ...own], limitMs);
  return judgeSimulator(ended, readReport(report) as SimulatorReport | undefined);
}

/** Only an invariant that did not hold says that a mutant was caught, and not a simulator that dies of it. */
export function judgeSimulator(
  { late, output }: Ended,
  report: SimulatorReport | undefined,
): Outcome {
  if (late) return { type: "broken", why: "the simulator did not end in time" };
  if (report === undefined) return { type: "broken", why: `no report of seeds: ${output}` };
  const [failure] = report.failures;
  if (failure === undefined) return { type: "passed", tests: [] };
  const { seed, workload, invariant } = failure;
  return { type: "failed", by: `${invariant}, seed ${seed} (${workload})`, seeds: report.seeds };
}
