// Spec rows O10 and O15 on one node: what batching gains, how many syncs a burst takes, and that the length of the log costs an append nothing.
import path from "node:path";
import { Cluster } from "./cluster.ts";
import { type Run, runProgram } from "./program.ts";
import { figure, percentile, printTable } from "./report.ts";
import type { LoadResult } from "./tasks.ts";

const defaults = {
  "value-bytes": 256,
  "in-flight": 1000,
  seconds: 5,
  runs: 3,
  "short-log": 1_000,
  "long-log": 1_000_000,
};

/** The log keeps all entries: this is more than any run writes. */
const RETAIN_BYTES = 2 ** 40;
/** Few keys, so that the store stays as it is while the log grows. */
const KEYS = 10_000;
const BURSTS = 20;

type Numbers = typeof defaults;

/** Starts one fresh node after the other. */
class Nodes {
  readonly #directory: string;
  readonly #numbers: Numbers;
  #started = 0;

  constructor({ directory, numbers }: Run<Numbers, string>) {
    this.#directory = directory;
    this.#numbers = numbers;
  }

  /** A node whose entries hold up to `batchSize` commands. */
  async with<T>(batchSize: number, use: (cluster: Cluster) => Promise<T>): Promise<T> {
    this.#started += 1;
    const cluster = await Cluster.start({
      directory: path.join(this.#directory, String(this.#started)),
      nodes: 1,
      common: { log: { retainBytes: RETAIN_BYTES }, replication: { batchSize } },
    });
    await cluster.untilLeader();
    const result = await use(cluster);
    await cluster.close();
    return result;
  }

  async load(cluster: Cluster, inFlight: number): Promise<LoadResult> {
    return await cluster.member(1).call("load", {
      firstKey: 0,
      valueBytes: this.#numbers["value-bytes"],
      inFlight,
      warmUpSeconds: 1,
      seconds: this.#numbers.seconds,
      distinctKeys: KEYS,
    });
  }

  /** As many entries, on few keys. */
  async fill(cluster: Cluster, entries: number): Promise<void> {
    for (let left = entries; left > 0; left -= KEYS) {
      const count = Math.min(KEYS, left);
      const range = { firstKey: 0, count, valueBytes: this.#numbers["value-bytes"] };
      await cluster.member(1).call("fill", { ...range, inFlight: 4000 });
    }
  }

  /** 1,000 puts in one turn; how many synced writes they took. */
  async burst(cluster: Cluster): Promise<number> {
    const syncs = async (): Promise<number> => (await cluster.statuses())[0]?.disk.syncs ?? 0;
    const before = await syncs();
    const range = { firstKey: 0, count: 1000, valueBytes: this.#numbers["value-bytes"] };
    await cluster.member(1).call("put", range);
    return (await syncs()) - before;
  }
}

async function printGain(nodes: Nodes, numbers: Numbers): Promise<void> {
  const inFlight = numbers["in-flight"];
  const kinds = [
    { batchSize: 1000, inFlight },
    { batchSize: 1, inFlight },
    { batchSize: 1, inFlight: 1 },
  ];
  const results = kinds.map((): LoadResult[] => []);
  // In turn, so that a slow minute of the machine hits all alike.
  for (let run = 0; run < numbers.runs; run++) {
    for (const [i, kind] of kinds.entries()) {
      const load = (cluster: Cluster): Promise<LoadResult> => nodes.load(cluster, kind.inFlight);
      results[i]?.push(await nodes.with(kind.batchSize, load));
    }
  }
  const [batched = 0, single = 0, alone = 0] = results.map(rate);
  printTable(
    kinds.map((kind, i) => ({
      batchSize: figure(kind.batchSize),
      "in flight": figure(kind.inFlight),
      "puts/s": figure([batched, single, alone][i] ?? 0),
    })),
  );
  const [gain, gainOverSyncs] = [batched / single, batched / alone];
  console.log(
    `\nbatchSize 1000 against 1: ${figure(gain, 1)} ×; against one sync for each put: ${figure(gainOverSyncs, 1)} ×.\n`,
  );
}

async function printBursts(nodes: Nodes): Promise<void> {
  const syncs = await nodes.with(1000, async (cluster) => {
    const found: number[] = [];
    for (let burst = 0; burst < BURSTS; burst++) found.push(await nodes.burst(cluster));
    return found;
  });
  console.log(`1,000 puts at once: at most ${figure(Math.max(...syncs))} synced writes.\n`);
}

async function printAppends(nodes: Nodes, numbers: Numbers): Promise<void> {
  const inFlight = numbers["in-flight"];
  const lengths = [numbers["short-log"], numbers["long-log"]];
  const results = lengths.map(() => ({ alone: [] as LoadResult[], many: [] as LoadResult[] }));
  // Both are there at the same time and are measured in turn, so that what else the machine does hits both alike.
  await nodes.with(1, async (short) => {
    await nodes.with(1, async (long) => {
      const clusters = [short, long];
      for (const [i, cluster] of clusters.entries()) await nodes.fill(cluster, lengths[i] ?? 0);
      for (let run = 0; run < numbers.runs; run++) {
        for (const [i, cluster] of clusters.entries()) {
          results[i]?.alone.push(await nodes.load(cluster, 1));
        }
      }
      // Last and once, because it makes the logs much longer.
      for (const [i, cluster] of clusters.entries()) {
        results[i]?.many.push(await nodes.load(cluster, inFlight));
      }
    });
  });
  const halves = results.map(({ alone }) =>
    median(alone.map(({ latencies }) => percentile(latencies, 0.5))),
  );
  const rates = results.map(({ many }) => rate(many));
  printTable(
    lengths.map((entries, i) => ({
      "entries in the log": figure(entries),
      "p50 ms of an append": figure(halves[i] ?? 0, 3),
      [`appends/s, ${figure(inFlight)} in flight`]: figure(rates[i] ?? 0),
    })),
  );
  const change = ([short = 1, long = 0]: readonly number[]): string =>
    `${figure((long / short - 1) * 100, 1)} %`;
  console.log(`\nLong log against short: p50 ${change(halves)}, appends/s ${change(rates)}.`);
}

function rate(results: readonly LoadResult[]): number {
  return median(results.map(({ puts, seconds }) => puts / seconds));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

await runProgram(defaults, ["only"], async (run) => {
  const nodes = new Nodes(run);
  if (run.texts.only !== "appends") {
    await printGain(nodes, run.numbers);
    await printBursts(nodes);
  }
  await printAppends(nodes, run.numbers);
});
