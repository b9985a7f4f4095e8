// The leader is killed under load, again and again: how long until a write that was sent afterwards is acknowledged, and is everything still there?
import { Cluster } from "./cluster.ts";
import { type Run, runProgram } from "./program.ts";
import { figure, percentile, printTable } from "./report.ts";

const defaults = { kills: 20, "value-bytes": 1024, "load-ms": 1000, chunk: 50, "in-flight": 8 };

/** A probe is sent to every member that is left this often, until one of them is acknowledged. */
const PROBE_EVERY_MS = 5;

async function measure({ directory, numbers }: Run<typeof defaults, never>): Promise<void> {
  const cluster = await Cluster.start({ directory, nodes: 3 });
  const load = new Load(cluster, numbers);
  const running = load.run();
  const outages: number[] = [];
  for (let kill = 0; kill < numbers.kills; kill++) {
    await pause(numbers["load-ms"]);
    const leader = await cluster.untilLeader();
    const killedAt = performance.now();
    const killed = cluster.kill(leader);
    outages.push(await load.firstAcknowledged(killedAt));
    await killed;
    await cluster.startMember(leader);
    await cluster.untilCaughtUp();
  }
  load.stop();
  await running;
  await cluster.untilCaughtUp();
  const missing = await load.countMissing();
  outages.sort((a, b) => a - b);
  const milliseconds = (q: number): string => figure(percentile(outages, q));
  printTable([
    {
      nodes: 3,
      "value bytes": figure(numbers["value-bytes"]),
      kills: figure(numbers.kills),
      "p50 ms": milliseconds(0.5),
      "p99 ms": milliseconds(0.99),
      "max ms": milliseconds(1),
      "acknowledged puts": figure(load.acknowledged),
      "missing on any replica": figure(missing),
    },
  ]);
  await cluster.close();
  if (missing > 0) process.exitCode = 1;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Puts chunks of rows on all members in turn, and remembers which rows were acknowledged. */
class Load {
  readonly #cluster: Cluster;
  readonly #options: typeof defaults;
  readonly #acknowledged: number[] = [];
  #next = 0;
  #stopped = false;

  constructor(cluster: Cluster, options: typeof defaults) {
    this.#cluster = cluster;
    this.#options = options;
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    const caller = async (_: unknown, turn: number): Promise<void> => {
      for (let i = turn; !this.#stopped; i++) {
        const ids = [...this.#cluster.members.keys()];
        const acknowledged = await this.#put(ids[i % ids.length] ?? 0, this.#options.chunk);
        // A member that has just died refuses at once; its place is empty a moment later.
        if (!acknowledged) await pause(1);
      }
    };
    await Promise.all(Array.from({ length: this.#options["in-flight"] }, caller));
  }

  /** Sends probes from now on; resolves with the time from `since` until one is acknowledged. */
  async firstAcknowledged(since: number): Promise<number> {
    return await new Promise((resolve) => {
      const probe = (): void => {
        for (const id of this.#cluster.members.keys()) {
          void this.#put(id, 1).then((acknowledged) => {
            if (!acknowledged) return;
            clearInterval(timer);
            resolve(performance.now() - since);
          });
        }
      };
      const timer = setInterval(probe, PROBE_EVERY_MS);
      probe();
    });
  }

  /** New rows, each acknowledged or, like whatever failed, open. */
  async #put(id: number, count: number): Promise<boolean> {
    const firstKey = this.#next;
    this.#next += count;
    try {
      const valueBytes = this.#options["value-bytes"];
      await this.#cluster.member(id).call("put", { firstKey, count, valueBytes });
    } catch {
      return false;
    }
    for (let i = 0; i < count; i++) this.#acknowledged.push(firstKey + i);
    return true;
  }

  /** Compares every replica's own copy with what was acknowledged. */
  async countMissing(): Promise<number> {
    const acknowledged = Float64Array.from(this.#acknowledged);
    const missing = new Set<number>();
    for (const member of this.#cluster.members.values()) {
      const valueBytes = this.#options["value-bytes"];
      const rows = await member.call("missing", { acknowledged, valueBytes });
      for (const row of rows) missing.add(row);
    }
    return missing.size;
  }
}

await runProgram(defaults, [], measure);
