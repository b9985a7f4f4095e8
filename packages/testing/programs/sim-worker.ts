import { parentPort, workerData } from "node:worker_threads";
import { runSeed, type WorkloadName } from "@holdfast/testing";

/** What a worker of `pnpm sim` is told. */
export interface SimTask {
  readonly seed: number;
  readonly workload: WorkloadName;
  /** Run it twice and compare. */
  readonly twice: boolean;
}

/** What it answers. */
export interface SimAnswer {
  readonly task: SimTask;
  readonly violation: { readonly invariant: string; readonly message: string } | undefined;
  readonly coverage: readonly (readonly [string, number])[];
  readonly events: number;
  readonly simulatedMs: number;
  readonly simulations: number;
}

async function carryOut(task: SimTask): Promise<SimAnswer> {
  const outcome = await runSeed(task.seed, task.workload);
  const { violation, coverage, events, simulatedMs } = outcome;
  const again = task.twice ? await runSeed(task.seed, task.workload) : outcome;
  const differs =
    again.digest === outcome.digest
      ? undefined
      : { invariant: "determinism", message: `two runs of seed (${task.seed}) differ` };
  return {
    task,
    violation:
      violation === undefined
        ? differs
        : { invariant: violation.invariant, message: violation.message },
    coverage: [...coverage],
    events,
    simulatedMs,
    simulations: task.twice ? 2 : 1,
  };
}

const port = parentPort;
if (port !== null && workerData === "holdfast-sim") {
  port.on("message", (task: SimTask) => {
    void carryOut(task).then((answer) => {
      port.postMessage(answer);
    });
  });
}
