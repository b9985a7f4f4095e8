import { HistoryRecorder } from "@holdfast/testing/history";
import type { Happened, StruckTime } from "./availability.ts";
import type { ChaosCluster } from "./cluster.ts";
import { FaultRunner } from "./faults.ts";
import { FAULT_MEANING, type FaultGroup, type PlannedFault } from "./plan.ts";
import { catchUp, recover } from "./recovery.ts";
import { Workload } from "./workload.ts";

/** Prints a line of what happens. */
export type Say = (line: string) => void;

/** A run of faults, and what came of it. */
export interface RunResult {
  readonly recorder: HistoryRecorder;
  readonly workload: Workload;
  readonly faults: readonly Happened[];
  /** When which group of faults was at work. */
  readonly struck: readonly StruckTime[];
  /** From the end of all faults until every member served; `undefined`: not within the bound. */
  readonly recoveryMs: number | undefined;
  /** The end of the faults, and that of the workload. */
  readonly healedMs: number;
  readonly untilMs: number;
  /** Faults that left no trace: were they faults? */
  readonly traceless: readonly string[];
}

/** How long members are waited for after each group of faults. */
const CATCH_UP_MS = 20_000;

/** Sets the planned faults on a cluster that serves, and waits until it does so again. */
export async function runFaults(
  cluster: ChaosCluster,
  planned: readonly FaultGroup[],
  seed: number,
  say: Say,
): Promise<RunResult> {
  const run = new FaultRun(cluster, say);
  const recorder = new HistoryRecorder({ now: () => Math.round(run.elapsedMs() * 10) / 10 });
  const workload = new Workload(cluster.members, recorder, seed, () => run.elapsedMs());
  workload.start();
  for (const group of planned) {
    await pause(group.calmMs);
    await run.strike(group);
  }
  const healedMs = run.elapsedMs();
  const recoveryMs = await recover(cluster);
  await workload.stop();
  const { faults, struck, traceless } = run;
  const untilMs = run.elapsedMs();
  return { recorder, workload, faults, struck, traceless, recoveryMs, healedMs, untilMs };
}

class FaultRun {
  readonly faults: Happened[] = [];
  readonly struck: StruckTime[] = [];
  readonly traceless: string[] = [];
  readonly #cluster: ChaosCluster;
  readonly #runner: FaultRunner;
  readonly #say: Say;
  readonly #began = performance.now();

  constructor(cluster: ChaosCluster, say: Say) {
    this.#cluster = cluster;
    this.#runner = new FaultRunner(cluster);
    this.#say = say;
  }

  elapsedMs(): number {
    return performance.now() - this.#began;
  }

  /** One group of faults, and what it takes the members to catch up. */
  async strike({ faults }: FaultGroup): Promise<void> {
    const beginMs = this.elapsedMs();
    const alone = faults.length === 1;
    await Promise.all(faults.map((fault) => this.#one(fault, beginMs, alone)));
    const endMs = this.elapsedMs();
    const caughtUpMs = await catchUp(this.#cluster, CATCH_UP_MS);
    this.#tell(
      caughtUpMs === undefined
        ? `a member has not caught up within ${CATCH_UP_MS} ms`
        : `all members have caught up after ${caughtUpMs.toFixed(0)} ms`,
    );
    const label = faults
      .map(({ kind }) => kind)
      .sort()
      .join(" + ");
    this.struck.push({ label, beginMs, endMs, settledMs: this.elapsedMs(), caughtUpMs });
  }

  async #one(planned: PlannedFault, groupMs: number, alone: boolean): Promise<void> {
    const { kind } = planned;
    await pause(groupMs + planned.beginMs - this.elapsedMs());
    const beginMs = this.elapsedMs();
    const running = await this.#runner.begin(planned);
    if (running === undefined) {
      this.#tell(`${kind}: nobody is left for it`);
      return;
    }
    this.#tell(`${kind} begins, ${running.victims}: ${FAULT_MEANING[kind]}`);
    await pause(groupMs + planned.endMs - this.elapsedMs());
    const trace = await running.end();
    this.faults.push({ kind, beginMs, endMs: this.elapsedMs() });
    this.#tell(`${kind} ends: ${trace ?? "it left no trace"}`);
    // With another fault at work there may have been nothing left to strike.
    if (trace === undefined && alone) this.traceless.push(`${kind} (${running.victims})`);
  }

  #tell(line: string): void {
    this.#say(`${(this.elapsedMs() / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms));
  });
}
