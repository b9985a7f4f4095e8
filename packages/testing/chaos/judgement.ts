import { checkHistory, type HistoryEvent } from "@holdfast/testing/history";
import type { ChaosCluster } from "./cluster.ts";
import { converge, RECOVERY_BOUND_MS, restartAll, rowsOf } from "./recovery.ts";
import { Promises } from "./replica-check.ts";
import type { RunResult, Say } from "./run.ts";

/** How many complaints of one sort are shown. */
const SHOWN = 5;

/** Everything that is wrong after a run; empty: nothing was lost, the history has an explanation, the cluster recovered. */
export async function judge(cluster: ChaosCluster, run: RunResult, say: Say): Promise<string[]> {
  const wrong: string[] = [];
  const add = (what: string, complaints: readonly string[]): void => {
    for (const one of complaints.slice(0, SHOWN)) wrong.push(`${what}: ${one}`);
    if (complaints.length > SHOWN) wrong.push(`${what}: ${complaints.length - SHOWN} more`);
  };
  add(
    "member ended without a fault",
    cluster.incidents.map((one) => `${one.member}, ${one.reason}`),
  );
  add("refused", run.workload.refusals);
  add("fault without a trace", run.traceless);
  if (run.recoveryMs === undefined) {
    wrong.push(
      `the cluster did not serve through every member ${RECOVERY_BOUND_MS} ms after the last fault`,
    );
    return wrong;
  }
  say(`recovered: every member served ${run.recoveryMs.toFixed(0)} ms after the last fault`);

  const promises = new Promises(run.recorder.events);
  const check = async (when: string): Promise<void> => {
    const state = await converge(cluster);
    if ("complaint" in state) wrong.push(`${when}: ${state.complaint}`);
    for (const { id } of cluster.members) {
      add(`${when}, replica ${id}`, promises.broken(await rowsOf(cluster, id)));
    }
  };
  await check("at the end");
  if (!(await restartAll(cluster)))
    wrong.push("the cluster did not come back after all were killed");
  else await check("after all were killed and restarted");
  say(
    `replicas: compared with ${promises.acknowledgedWrites} acknowledged writes, before and after SIGKILL of all`,
  );
  add("history", historyComplaints(run.recorder.events, say));
  return wrong;
}

function historyComplaints(events: readonly HistoryEvent[], say: Say): string[] {
  const began = performance.now();
  const { verdict, window } = checkHistory(events);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const operations = events.filter(({ type }) => type === "invoke").length;
  say(`history: ${operations} operations, ${verdict} (checked in ${seconds} s)`);
  if (verdict === "linearizable") return [];
  return [
    window === undefined
      ? verdict
      : `${verdict}: ${window.reason} (operations ${window.operations.join(", ")})`,
  ];
}
