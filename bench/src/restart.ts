// A member with a long log is started again: with its store as it was after a clean close and after SIGKILL, and with no store at all.
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { Cluster } from "./cluster.ts";
import { type Run, runProgram } from "./program.ts";
import { figure, printTable } from "./report.ts";
import type { Reopened } from "./tasks.ts";

const MIB = 2 ** 20;

const defaults = { commands: 1_000_000, "value-bytes": 256, batch: 1000, runs: 3 };

/** Rows written just before the process is killed, beyond those that the others began with. */
const LAST_ROWS = 1000;
/** The log keeps all commands: this is more than any run writes. */
const RETAIN_BYTES = 2 ** 40;
/** A read waits until the log is replayed, however long that takes; by default it would give up after ten seconds. */
const READ_MS = 600_000;

async function measure({ directory, numbers }: Run<typeof defaults, never>): Promise<void> {
  const common = {
    log: { retainBytes: RETAIN_BYTES },
    replication: { batchSize: numbers.batch },
    timeouts: { readMs: READ_MS },
  };
  const cluster = await Cluster.start({ directory, nodes: 1, common });
  const subject = new Subject(cluster, path.join(directory, "node-1"), numbers["value-bytes"]);
  const filledAt = performance.now();
  await subject.fill(numbers.commands);
  const seconds = (performance.now() - filledAt) / 1000;
  const { log, entries } = await subject.size();
  await cluster.close();
  console.log(
    `${figure(numbers.commands)} commands of ${figure(numbers["value-bytes"])} bytes in ${figure(entries)} entries, ` +
      `segments of ${figure(log / MIB)} MiB, written in ${figure(seconds, 1)} s\n`,
  );
  const cases = {
    "store intact, closed": () => Promise.resolve(),
    "store intact, SIGKILL": () => subject.killBehindNewRows(),
    "no store, whole log replayed": () => subject.removeStore(),
  };
  const rows: Record<string, string>[] = [];
  for (const [name, prepare] of Object.entries(cases)) {
    const runs: Reopened[] = [];
    for (let run = 0; run < numbers.runs; run++) {
      await prepare();
      runs.push(await subject.reopen());
    }
    runs.sort((a, b) => a.served - b.served);
    const median = runs[runs.length >> 1];
    const [fastest, slowest] = [runs[0], runs.at(-1)];
    rows.push({
      case: name,
      runs: figure(numbers.runs),
      "opened s": figure((median?.opened ?? 0) / 1000, 2),
      "linearizable read s": figure((median?.served ?? 0) / 1000, 2),
      "fastest to slowest s": `${figure((fastest?.served ?? 0) / 1000, 2)} to ${figure((slowest?.served ?? 0) / 1000, 2)}`,
    });
  }
  printTable(rows);
}

/** The one member of the cluster, which is restarted in a process of its own every time. */
class Subject {
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #valueBytes: number;
  #rows = 0;

  constructor(cluster: Cluster, directory: string, valueBytes: number) {
    this.#cluster = cluster;
    this.#directory = directory;
    this.#valueBytes = valueBytes;
  }

  async fill(count: number): Promise<void> {
    const range = { firstKey: this.#rows, count, valueBytes: this.#valueBytes };
    await this.#cluster.member(1).call("fill", { ...range, inFlight: 4000 });
    this.#rows += count;
  }

  async size(): Promise<{ readonly log: number; readonly entries: number }> {
    const { disk, firstIndex, lastIndex } = await this.#cluster.member(1).call("status", undefined);
    return { log: disk.logBytes, entries: lastIndex - firstIndex + 1 };
  }

  async killBehindNewRows(): Promise<void> {
    await this.#cluster.startMember(1);
    await this.fill(LAST_ROWS);
    await this.#cluster.kill(1);
  }

  async removeStore(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (!name.startsWith("store-")) continue;
      await rm(path.join(this.#directory, name), { recursive: true });
    }
  }

  /** Opens, reads the newest row, and closes. */
  async reopen(): Promise<Reopened> {
    const probe = { firstKey: this.#rows - 1, count: 1, valueBytes: this.#valueBytes };
    const reopened = await this.#cluster.measureStart(1, probe);
    await this.#cluster.close();
    return reopened;
  }
}

await runProgram(defaults, [], measure);
