// Three nodes in three processes take a data set, lose their leader to SIGKILL half-way, go on, and prove that nothing is lost.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import type { NodeSettings } from "@holdfast/core";
import { compare, type Difference } from "./compare.ts";
import { cities, jsonLines, UsageError, type DataSet } from "./data-set.ts";
import { count, ProgressBar, table } from "./display.ts";
import { Loader } from "./loader.ts";
import { MemberProcess } from "./member-process.ts";

const NODES = [1, 2, 3];

/** The running members by id; a killed one leaves a hole until it is started again. */
const members = new Map<number, MemberProcess>();

async function main(dataSet: DataSet, directory: string): Promise<boolean> {
  console.log(`Three nodes on loopback, data in ${directory}`);
  const settings = await memberSettings(directory);
  await Promise.all(settings.map(start));
  const leader = await untilLeader();
  console.log(`Node ${leader} leads. Loading ${count(dataSet.rows.size)} rows of ${dataSet.name}.`);

  const loader = await load(dataSet, settings);
  await untilCaughtUp();
  const sound = await compareReplicas(loader.acknowledged);
  await query(dataSet.prefix);
  await printStatus();
  await Promise.all([...members.values()].map((member) => member.close()));
  return sound;
}

async function memberSettings(directory: string): Promise<readonly NodeSettings[]> {
  const ports = await freePorts(NODES.length);
  const addresses = NODES.map((id, i) => ({ id, address: `127.0.0.1:${ports[i] ?? 0}` }));
  return NODES.map((id) => ({
    preset: "production",
    directory: path.join(directory, `node-${id}`),
    id,
    cluster: { name: "three-nodes", members: addresses },
  }));
}

async function start(settings: NodeSettings): Promise<void> {
  members.set(settings.id, await MemberProcess.start(settings));
}

/** Loads everything; half-way kills the leader, and starts it again once the others have gone on without it. */
async function load(dataSet: DataSet, settings: readonly NodeSettings[]): Promise<Loader> {
  const rows = [...dataSet.rows];
  const bar = new ProgressBar("Loading", rows.length);
  let killed: Promise<Crash> | undefined;
  const loader = new Loader({
    rows,
    members: () => [...members.values()],
    progress: (acknowledged) => {
      bar.update(acknowledged);
    },
    // The second half begins when the leader is dead; what of the first is still on its way dies with it or is retried.
    beforeRow: async (row) => {
      if (row >= rows.length / 2) await (killed ??= killLeader(bar));
    },
  });
  const loading = loader.run();
  const recovering = loader.acknowledgedInSecondHalf.then(async (acknowledgedAt) => {
    if (killed !== undefined) await recover(await killed, acknowledgedAt, settings);
  });
  await Promise.all([loading, recovering]);
  bar.pause();
  const rate = `${count(bar.rate(rows.length))} ops/s${killed === undefined ? "" : " including the failover"}`;
  console.log(`All ${count(rows.length)} rows are acknowledged, ${rate}.`);
  return loader;
}

interface Crash {
  readonly id: number;
  readonly killedAt: number;
}

async function killLeader(bar: ProgressBar): Promise<Crash> {
  const id = await untilLeader();
  const leader = members.get(id);
  if (leader === undefined) throw new Error(`no process for node ${id}`);
  members.delete(id);
  const killedAt = performance.now();
  await leader.kill();
  bar.pause();
  console.log(`Killed the leader, node ${id}, with SIGKILL.`);
  return { id, killedAt };
}

async function recover(
  { id, killedAt }: Crash,
  acknowledgedAt: number,
  settings: readonly NodeSettings[],
): Promise<void> {
  const outage = Math.round(acknowledgedAt - killedAt);
  console.log(
    `Next acknowledged write after ${count(outage)} ms. Node ${await untilLeader()} leads.`,
  );
  const own = settings.find((candidate) => candidate.id === id);
  if (own === undefined) throw new Error(`no settings for node ${id}`);
  await start(own);
  console.log(`Started node ${id} again on the data it left behind.`);
}

/** The leader that most members agree on. */
async function untilLeader(): Promise<number> {
  return await until("a leader", async () => {
    const found = await Promise.all([...members.values()].map((member) => member.status()));
    const leaders = found.filter(({ role }) => role === "leader").sort((a, b) => b.term - a.term);
    return leaders[0]?.id;
  });
}

async function untilCaughtUp(): Promise<void> {
  const startedAt = performance.now();
  await until("all nodes to catch up", async () => {
    const found = await Promise.all([...members.values()].map((member) => member.status()));
    const newest = Math.max(...found.map(({ commit }) => commit));
    return found.length === NODES.length && found.every(({ applied }) => applied >= newest);
  });
  const took = Math.round(performance.now() - startedAt);
  console.log(`All three nodes have applied everything (${count(took)} ms after the load).`);
}

/** Asks every 20 ms, for a minute at most; what cannot be asked counts as no. */
async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited a minute for ${what}`);
}

async function compareReplicas(acknowledged: ReadonlyMap<string, string>): Promise<boolean> {
  console.log(`Comparing every replica, key by key, with the acknowledged writes:`);
  const ids = [...members.keys()].sort();
  const differences = await Promise.all(
    ids.map(async (id) => {
      const member = members.get(id);
      if (member === undefined) throw new Error(`no process for node ${id}`);
      return await compare(member, acknowledged);
    }),
  );
  return differences
    .map((difference, i) => report(ids[i] ?? 0, acknowledged.size, difference))
    .every(Boolean);
}

function report(id: number, total: number, difference: Difference): boolean {
  const { missing, different, unexpected } = difference;
  if (missing.length + different.length + unexpected.length === 0) {
    console.log(`  node ${id}: all ${count(total)} rows are there, and nothing else`);
    return true;
  }
  for (const [what, keys] of Object.entries({ missing, different, unexpected })) {
    for (const key of keys) console.log(`  node ${id}: ${what}: ${key}`);
  }
  return false;
}

async function query(prefix: string): Promise<void> {
  const [member] = members.values();
  const startedAt = performance.now();
  const rows = (await member?.prefix(prefix, 1_000_000)) ?? [];
  const took = (performance.now() - startedAt).toFixed(1);
  console.log(`Prefix query "${prefix}": ${count(rows.length)} rows in ${took} ms, for example`);
  for (const [key, value] of rows.slice(0, 3)) console.log(`  ${key} = ${value}`);
}

async function printStatus(): Promise<void> {
  const head = ["node", "role", "term", "commit", "applied", "log on disk", "store on disk"];
  const ids = [...members.keys()].sort();
  const rows = await Promise.all(
    ids.map(async (id) => {
      const status = await members.get(id)?.status();
      if (status === undefined) throw new Error(`no process for node ${id}`);
      const { role, term, commit, applied, disk } = status;
      const sizes = [disk.logBytes, disk.storeBytes].map(
        (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`,
      );
      return [String(id), role, ...[term, commit, applied].map(count), ...sizes];
    }),
  );
  console.log(`\n${table(head, rows)}`);
}

/** Ports that nobody uses just now. */
async function freePorts(number: number): Promise<readonly number[]> {
  const servers = Array.from({ length: number }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function readArguments(): Promise<DataSet> {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { key: { type: "string" } } });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "bad arguments");
  }
  const [file, ...rest] = parsed.positionals;
  if (rest.length > 0) throw new UsageError("give one file");
  if (file === undefined && parsed.values.key === undefined) return cities();
  if (file === undefined || parsed.values.key === undefined) {
    throw new UsageError("a file of JSON lines needs --key FIELD, and the other way round");
  }
  return await jsonLines(file, parsed.values.key);
}

async function cleanUp(directory: string): Promise<void> {
  await MemberProcess.killAll();
  await rm(directory, { recursive: true, force: true });
}

/** Ctrl-C, or another reason to end early. */
const interruption = new AbortController();

try {
  const dataSet = await readArguments();
  if (dataSet.duplicates > 0) {
    console.log(`${count(dataSet.duplicates)} rows share a key with a later one: the last counts.`);
  }
  const directory = await mkdtemp(path.join(tmpdir(), "holdfast-"));
  const giveUp = (exitCode: number): void => {
    interruption.abort();
    void cleanUp(directory).finally(() => process.exit(exitCode));
  };
  process.once("SIGINT", () => {
    console.log("\nInterrupted: ending the members and removing their data.");
    giveUp(130);
  });
  process.once("SIGTERM", () => {
    giveUp(143);
  });
  // Nobody reads on, as behind `| head`.
  process.stdout.once("error", () => {
    giveUp(141);
  });
  try {
    const sound = await main(dataSet, directory);
    console.log(sound ? "\nNothing was lost." : "\nWRITES WERE LOST.");
    process.exitCode = sound ? 0 : 1;
  } finally {
    await cleanUp(directory);
  }
} catch (error) {
  // What fails because its members were ended is no news.
  if (interruption.signal.aborted) process.exitCode = 130;
  else if (error instanceof UsageError) usage(error);
  else throw error;
}

function usage(error: UsageError): void {
  console.error(`${error.message}\nusage: npm run quickstart [-- FILE.ndjson --key FIELD]`);
  process.exitCode = 2;
}
