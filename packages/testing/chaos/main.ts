// `pnpm chaos`: five real nodes under faults from outside; see docs/chaos.md.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeRandom } from "@holdfast/platform";
import { formatHistory } from "@holdfast/testing/history";
import { availability, periodsOf } from "./availability.ts";
import { Cleanup } from "./cleanup.ts";
import { startCluster } from "./cluster.ts";
import { judge } from "./judgement.ts";
import { type ChaosOptions, readOptions, USAGE, UsageError } from "./options.ts";
import { planFaults } from "./plan.ts";
import { availabilityPlot } from "./plot.ts";
import { recover } from "./recovery.ts";
import { availabilityTable } from "./report.ts";
import { runFaults, type RunResult } from "./run.ts";
import { findTools } from "./tools.ts";

const say = (line: string): void => console.log(line);

async function chaos(options: ChaosOptions, cleanup: Cleanup): Promise<number> {
  const { seed, minutes } = options;
  const tools = findTools(options.namespaces);
  const kinds = options.kinds.filter((kind) => !tools.skipped.has(kind));
  say(`seed ${seed}, ${minutes} minutes, faults ${kinds.join(", ")}`);
  for (const note of tools.notes) say(note);
  for (const kind of options.kinds) {
    const why = tools.skipped.get(kind);
    if (why !== undefined) say(`skipped: ${kind}: ${why}`);
  }
  const cluster = await startCluster(tools, cleanup, kinds.includes("disk-full"));
  if ((await recover(cluster)) === undefined) throw new Error("the cluster did not begin to serve");
  const durationMs = minutes * 60_000;
  const planned = planFaults({ seed, kinds, durationMs });
  const absent = kinds.filter(
    (kind) => !planned.some(({ faults }) => faults.some((fault) => fault.kind === kind)),
  );
  if (absent.length > 0) say(`too short a run for: ${absent.join(", ")}`);
  const run = await runFaults(cluster, planned, seed, say);
  show(run, options);
  const wrong = await judge(cluster, run, say);
  for (const line of wrong) say(`WRONG: ${line}`);
  say(
    wrong.length === 0
      ? "nothing was lost"
      : `${wrong.length} complaints; run again with --seed ${seed}`,
  );
  return wrong.length === 0 ? 0 : 1;
}

function show(run: RunResult, { seed, minutes, out }: ChaosOptions): void {
  const { samples } = run.workload;
  const rows = availability(samples, periodsOf(run.struck, run.healedMs));
  say("");
  for (const line of availabilityTable(rows, run.struck)) say(line);
  say("");
  mkdirSync(out, { recursive: true });
  const title = `Five members under faults: ${minutes} minutes, seed ${seed}`;
  const plot = availabilityPlot({ title, samples, faults: run.faults, untilMs: run.untilMs });
  writeFileSync(join(out, "availability.svg"), plot);
  writeFileSync(join(out, "history.jsonl"), formatHistory(run.recorder.events));
  say(`plot and history: ${join(out, "availability.svg")}, ${join(out, "history.jsonl")}`);
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), nodeRandom().integer(1, 2 ** 31));
  if (options === undefined) {
    say(USAGE);
    return 0;
  }
  const cleanup = new Cleanup();
  // Whatever ends this program, an exception in a callback included, ends what it began.
  process.on("exit", () => {
    for (const failure of cleanup.run()) console.error(`not cleaned up: ${failure}`);
  });
  const ended = new Promise<never>((_resolve, reject) => {
    const end = (signal: NodeJS.Signals): void => reject(new Error(`ended by ${signal}`));
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
  });
  return await Promise.race([chaos(options, cleanup), ended]);
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exit(error instanceof UsageError ? 2 : 1);
}
