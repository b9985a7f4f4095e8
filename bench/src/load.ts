// Replicated durable puts per second: a closed loop in the process of the leader, or of a follower.
import { Cluster } from "./cluster.ts";
import { runProgram } from "./program.ts";
import { figure, percentile, printTable } from "./report.ts";
import type { LoadPlan, LoadResult, ProcessorTime } from "./tasks.ts";

const defaults = {
  nodes: 3,
  "value-bytes": 1024,
  "in-flight": 2000,
  seconds: 10,
  "warm-up": 3,
  runs: 1,
};

await runProgram(defaults, ["from", "cpu-prof"], async ({ directory, numbers, texts }) => {
  const from = texts.from ?? "leader";
  if (from !== "leader" && from !== "follower") {
    throw new TypeError(`--from takes leader or follower, not ${from}`);
  }
  const { nodes } = numbers;
  const cluster = await Cluster.start({ directory, nodes, profileDirectory: texts["cpu-prof"] });
  const rows: Record<string, string>[] = [];
  for (let run = 0; run < numbers.runs; run++) {
    const result = await measure(cluster, from, {
      firstKey: run * 1e9,
      valueBytes: numbers["value-bytes"],
      inFlight: numbers["in-flight"],
      warmUpSeconds: numbers["warm-up"],
      seconds: numbers.seconds,
    });
    rows.push({
      nodes: figure(nodes),
      from,
      "value bytes": figure(numbers["value-bytes"]),
      "in flight": figure(numbers["in-flight"]),
      ...result,
    });
  }
  printTable(
    rows.sort((a, b) =>
      (a["puts/s"] ?? "").localeCompare(b["puts/s"] ?? "", "en", { numeric: true }),
    ),
  );
  await cluster.untilCaughtUp();
  await cluster.close();
});

async function measure(
  cluster: Cluster,
  from: "leader" | "follower",
  plan: LoadPlan,
): Promise<Record<string, string>> {
  const leader = await cluster.untilLeader();
  const follower = [...cluster.members.keys()].find((id) => id !== leader);
  const id = from === "leader" ? leader : (follower ?? leader);
  // The warm-up is measured along: it costs what the rest costs, and its puts are counted below.
  const before = await processorTimes(cluster);
  const result = await cluster.member(id).call("load", plan);
  await cluster.untilCaughtUp();
  const after = await processorTimes(cluster);
  if ((await cluster.untilLeader()) !== leader) throw new Error("the leader changed meanwhile");
  return { ...throughput(result), ...processor(before, after, result) };
}

function throughput({ puts, seconds, latencies }: LoadResult): Record<string, string> {
  const milliseconds = (q: number): string => figure(percentile(latencies, q), 1);
  return {
    "puts/s": figure(puts / seconds),
    "p50 ms": milliseconds(0.5),
    "p99 ms": milliseconds(0.99),
    "p99.9 ms": milliseconds(0.999),
  };
}

async function processorTimes(cluster: Cluster): Promise<readonly ProcessorTime[]> {
  return await Promise.all(
    [...cluster.members.values()].map((member) => member.call("processorTime", undefined)),
  );
}

/** Of all processes together, for 100,000 puts. */
function processor(
  before: readonly ProcessorTime[],
  after: readonly ProcessorTime[],
  { total }: LoadResult,
): Record<string, string> {
  const sum = (times: readonly ProcessorTime[], part: keyof ProcessorTime): number =>
    times.reduce((all, time) => all + time[part], 0);
  const per = (part: keyof ProcessorTime): number =>
    ((sum(after, part) - sum(before, part)) / total) * 100_000;
  const user = per("user");
  const system = per("system");
  return { "CPU s/100k puts": `${figure(user + system, 2)} (${figure(system, 2)} system)` };
}
