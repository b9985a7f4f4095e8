import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { explainSeed, type WorkloadName } from "@holdfast/testing";
import { readOptions, type SimOptions, USAGE, UsageError } from "./sim-options.ts";
import type { SimAnswer, SimTask } from "./sim-worker.ts";

/** Every so many seeds, one is run twice and both runs are compared. */
const TWICE_EVERY = 50;
const DEFAULT_SEEDS = 200;
/** Random first seeds stay short enough to be typed. */
const SEED_LIMIT = 2 ** 40;

/** Sums over the seeds that were run. */
class Tally {
  seeds = 0;
  simulations = 0;
  events = 0;
  simulatedMs = 0;
  compared = 0;
  readonly coverage = new Map<string, number>();
  readonly seedsByHit = new Map<string, number>();
  readonly failures: SimAnswer[] = [];

  add(answer: SimAnswer): void {
    this.seeds += 1;
    this.simulations += answer.simulations;
    if (answer.task.twice) this.compared += 1;
    this.events += answer.events;
    this.simulatedMs += answer.simulatedMs;
    for (const [name, times] of answer.coverage) {
      this.coverage.set(name, (this.coverage.get(name) ?? 0) + times);
      this.seedsByHit.set(name, (this.seedsByHit.get(name) ?? 0) + 1);
    }
    if (answer.violation !== undefined) this.failures.push(answer);
  }
}

function* tasksOf(options: SimOptions, first: number): Generator<SimTask, void, undefined> {
  const { seeds, minutes, workloads } = options;
  const open = minutes !== undefined && seeds === undefined;
  const count = seeds ?? (options.seed === undefined || open ? DEFAULT_SEEDS : 1);
  // One seed, every workload; many seeds, the workloads in turn.
  if (count === 1 && !open) {
    for (const workload of workloads) yield { seed: first, workload, twice: true };
    return;
  }
  for (let i = 0; open || i < count; i++) {
    const workload = workloads[i % workloads.length];
    if (workload === undefined) return;
    yield { seed: first + i, workload, twice: i % TWICE_EVERY === 0 };
  }
}

/** Runs the tasks on as many threads as asked for. */
async function runAll(options: SimOptions, first: number, tally: Tally): Promise<void> {
  const deadline =
    options.minutes === undefined ? Infinity : performance.now() + options.minutes * 60_000;
  const tasks = tasksOf(options, first);
  const next = (): SimTask | undefined => {
    if (performance.now() >= deadline) return undefined;
    if (tally.failures.length > 0 && !options.keepGoing) return undefined;
    const { value, done } = tasks.next();
    return done === true ? undefined : value;
  };
  await Promise.all(Array.from({ length: options.jobs }, () => work(next, tally)));
}

async function work(next: () => SimTask | undefined, tally: Tally): Promise<void> {
  const worker = new Worker(new URL("sim-worker.js", import.meta.url), {
    workerData: "holdfast-sim",
  });
  try {
    for (let task = next(); task !== undefined; task = next()) {
      tally.add(await answerOf(worker, task));
    }
  } finally {
    await worker.terminate();
  }
}

function answerOf(worker: Worker, task: SimTask): Promise<SimAnswer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      worker.off("message", answered);
      worker.off("error", failed);
    };
    const answered = (answer: SimAnswer): void => {
      done();
      resolve(answer);
    };
    const failed = (error: Error): void => {
      done();
      reject(new Error(`seed (${task.seed}), workload (${task.workload}): ${error.message}`));
    };
    worker.on("message", answered);
    worker.on("error", failed);
    worker.postMessage(task);
  });
}

function printCoverage({ coverage, seedsByHit, seeds }: Tally): void {
  console.log("\nseen                                            times     in seeds");
  for (const [name, times] of [...coverage].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const share = ((100 * (seedsByHit.get(name) ?? 0)) / seeds).toFixed(1);
    console.log(`${name.padEnd(42)} ${String(times).padStart(10)} ${share.padStart(10)} %`);
  }
}

async function printFailure(answer: SimAnswer, { html, brief }: SimOptions): Promise<void> {
  const { seed, workload } = answer.task;
  console.log(`\nFAILED seed ${seed} (workload ${workload})`);
  console.log(`  ${answer.violation?.message ?? ""}`);
  console.log(`  again: pnpm sim --seed ${seed} --workload ${workload}\n`);
  if (brief) return;
  const { summary, lines, page, runs } = await explainSeed(seed, workload);
  console.log(`Minimised by ${runs} simulations to:\n${summary}\n`);
  for (const line of lines) console.log(line);
  if (html !== undefined) {
    writeFileSync(html, page);
    console.log(`\ndrawn in ${html}`);
  }
}

async function drawOne(options: SimOptions, seed: number, workload: WorkloadName): Promise<void> {
  const { lines, page } = await explainSeed(seed, workload, { all: options.trace });
  if (options.trace) for (const line of lines) console.log(line);
  if (options.html !== undefined) {
    writeFileSync(options.html, page);
    console.log(`\ndrawn in ${options.html}`);
  }
}

function writeReport(file: string, first: number, seconds: number, tally: Tally): void {
  const { seeds, simulations, events, simulatedMs, compared, coverage, failures } = tally;
  const report = {
    first,
    seeds,
    simulations,
    seconds,
    seedsPerSecond: seeds / seconds,
    events,
    simulatedMs,
    compared,
    failures: failures.map(({ task, violation }) => ({ ...task, ...violation })),
    coverage: Object.fromEntries(coverage),
  };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  const first = options.seed ?? randomInt(SEED_LIMIT);
  const tally = new Tally();
  const began = performance.now();
  await runAll(options, first, tally);
  const seconds = (performance.now() - began) / 1_000;
  printCoverage(tally);
  if (options.json !== undefined) writeReport(options.json, first, seconds, tally);
  const [failure] = tally.failures;
  const workload = options.workloads[0];
  if (failure !== undefined) await printFailure(failure, options);
  else if (workload !== undefined && (options.trace || options.html !== undefined)) {
    await drawOne(options, first, workload);
  }
  const rate = (tally.seeds / seconds).toFixed(1);
  console.log(
    `\n${tally.seeds} seeds from ${first} in ${seconds.toFixed(1)} s: ${rate} seeds per second, ` +
      `${tally.events} events, ${(tally.simulatedMs / 1_000).toFixed(0)} simulated seconds; ` +
      `${tally.compared} run twice and compared; ${tally.failures.length} failed`,
  );
  return tally.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 2;
}
