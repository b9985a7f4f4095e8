import { HistoryRecorder } from "@holdfast/testing/history";
import type { Happened } from "./availability.ts";
import type { ChaosCluster } from "./cluster.ts";
import { FaultRunner } from "./faults.ts";
import { FAULT_MEANING, type FaultKind, type PlannedFault } from "./plan.ts";
import { catchUp, recover } from "./recovery.ts";
import { Workload } from "./workload.ts";

/** Prints a line of what happens. */
export type Say = (line: string) => void;

/** A run of faults, and what came of it. */
export interface RunResult {
  readonly recorder: HistoryRecorder;
  readonly workload: Workload;
  readonly faults: readonly Happened[];
  /** From the end of the last fault until every member served; `undefined`: not within the bound. */
  readonly recoveryMs: number | undefined;
  /** The beginning of recovery, and the end of the workload. */
  readonly healedMs: number;
  readonly untilMs: number;
  /** Faults that left no trace: were they faults? */
  readonly traceless: readonly string[];
}

/** How long members are waited for after each fault. */
const CATCH_UP_MS = 20_000;

/** Sets the planned faults on a cluster that serves, and waits until it does so again. Rejects with the signal's reason. */
export async function runFaults(
  cluster: ChaosCluster,
  planned: readonly PlannedFault[],
  seed: number,
  durationMs: number,
  say: Say,
  signal: AbortSignal,
): Promise<RunResult> {
  const began = performance.now();
  const elapsed = (): number => performance.now() - began;
  const recorder = new HistoryRecorder({ now: () => Math.round(elapsed() * 10) / 10 });
  const workload = new Workload(cluster.members, recorder, seed, elapsed);
  const traceless: string[] = [];
  const faults: Happened[] = [];
  const runner = new FaultRunner(cluster);
  const stamp = (): string => `${(elapsed() / 1_000).toFixed(1).padStart(7)} s `;
  const one = async (plan: PlannedFault): Promise<void> => {
    await until(plan.beginMs, elapsed, signal);
    const beginMs = elapsed();
    begun++;
    const running = await runner.begin(plan);
    if (running === undefined) {
      say(`${stamp()} ${plan.kind}: nobody is left for it`);
      return;
    }
    say(`${stamp()} ${plan.kind} begins, ${running.victims}: ${FAULT_MEANING[plan.kind]}`);
    await until(plan.endMs, elapsed, signal);
    const trace = await running.end();
    faults.push({ kind: plan.kind, beginMs, endMs: elapsed() });
    say(`${stamp()} ${plan.kind} ends: ${trace ?? "it left no trace"}`);
    catching.push(caughtUp(plan.kind));
    const alone = planned.every((other) => other === plan || !overlap(other, plan));
    // With another fault at work there may have been nothing left to strike.
    if (trace === undefined && alone) traceless.push(`${plan.kind} (${running.victims})`);
  };
  const catching: Promise<void>[] = [];
  let begun = 0;
  const caughtUp = async (kind: FaultKind): Promise<void> => {
    const before = begun;
    const tookMs = await catchUp(cluster, CATCH_UP_MS, () => begun > before);
    if (tookMs !== undefined)
      say(`${stamp()} all members have caught up (${tookMs.toFixed(0)} ms after ${kind})`);
    else
      say(
        `${stamp()} a member has not caught up ${begun > before ? "until the next fault" : ""} after ${kind}`,
      );
  };
  workload.start();
  await Promise.all([...planned.map(one), until(durationMs, elapsed, signal)]);
  const healedMs = elapsed();
  await Promise.all(catching);
  const recoveryMs = await recover(cluster);
  await workload.stop();
  faults.sort((a, b) => a.beginMs - b.beginMs);
  return { recorder, workload, faults, recoveryMs, healedMs, untilMs: elapsed(), traceless };
}

function overlap(a: PlannedFault, b: PlannedFault): boolean {
  return a.beginMs < b.endMs && b.beginMs < a.endMs;
}

function until(atMs: number, elapsed: () => number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener("abort", abort);
        resolve();
      },
      Math.max(0, atMs - elapsed()),
    );
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
