import { type Clock, nodeClock, nodeRandom, type Random } from "@holdfast/platform";
import type { DatabaseNode, NodeOptions, NodeSettings } from "../../../src/index.ts";
import { FakeClock } from "../../transport/fake-platform.ts";
import { Cluster } from "../cluster-fixture.ts";
import { FaultyDisk } from "../faulty-disk.ts";
import { RecordingNetwork } from "./recording-network.ts";

/** The path of every setting that holds a value, e.g. `raft.heartbeatMs`. A list counts as one value. */
type PathsOf<T, Prefix extends string = ""> = {
  [Key in keyof T & string]-?: NonNullable<T[Key]> extends readonly unknown[]
    ? `${Prefix}${Key}`
    : NonNullable<T[Key]> extends object
      ? PathsOf<NonNullable<T[Key]>, `${Prefix}${Key}.`>
      : `${Prefix}${Key}`;
}[keyof T & string];

/** Every key of the settings. */
export type SettingPath = PathsOf<NodeSettings>;

/** Opens nodes with different values of one setting and observes that they behave differently. */
export type SettingCheck = (bench: Bench) => Promise<void>;

/** No election but the first one, which a fresh group holds at once. */
export const NO_ELECTIONS = { heartbeatMs: 20, electionMinMs: 60_000, electionMaxMs: 120_000 };

/** Always the lowest number, or always the highest. */
export function loadedDice(end: "lowest" | "highest"): Random {
  const real = nodeRandom();
  return {
    integer: (lo, hi) => (end === "lowest" ? lo : hi - 1),
    bytes: (length) => real.bytes(length),
  };
}

/** What a bench opens. */
export interface BenchOptions extends Partial<NodeOptions> {
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Nodes whose disks and networks can be looked into. */
export class Bench {
  readonly #clusters: Cluster[] = [];
  readonly #networks = new Map<number, RecordingNetwork>();
  readonly #disks = new Map<number, FaultyDisk>();
  readonly #allDisks: FaultyDisk[] = [];

  /** Opens a new cluster; `network` and `disk` are those of its nodes from here on. */
  async open(size: number, options: BenchOptions = {}): Promise<Cluster> {
    const cluster = await this.prepare(size, options);
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    await Promise.all(ids.map((id) => this.#create(cluster, id, options).open()));
    return cluster;
  }

  /** One node alone. */
  async one(options: BenchOptions = {}): Promise<DatabaseNode> {
    return (await this.open(1, options)).node(1);
  }

  /** One member of three; the other two are never there. */
  async lonely(options: BenchOptions = {}): Promise<DatabaseNode> {
    const node = this.#create(await this.prepare(3, options), 1, options);
    this.network(1).unreachable = true;
    await node.open();
    return node;
  }

  /** A new cluster without any node yet. */
  async prepare(
    size: number,
    { clock: _, random: __, ...options }: BenchOptions = {},
  ): Promise<Cluster> {
    this.#networks.clear();
    this.#disks.clear();
    const cluster = new Cluster(options);
    this.#clusters.push(cluster);
    await cluster.reserve(size);
    return cluster;
  }

  #create(cluster: Cluster, id: number, options: BenchOptions): DatabaseNode {
    const { clock = nodeClock(), random = nodeRandom() } = options;
    const network = new RecordingNetwork(clock);
    const disk = new FaultyDisk();
    this.#networks.set(id, network);
    this.#disks.set(id, disk);
    this.#allDisks.push(disk);
    return cluster.create(id, { platform: { network, disk, clock, random } });
  }

  network(id: number): RecordingNetwork {
    const network = this.#networks.get(id);
    if (network === undefined) throw new Error(`no node ${id}`);
    return network;
  }

  disk(id: number): FaultyDisk {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`no node ${id}`);
    return disk;
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#clusters.map((cluster) => cluster.destroy()));
    await Promise.all(this.#allDisks.map((disk) => disk.close()));
  }
}

/** Lets time pass, in small steps, and everything happen that follows from it. */
export async function pass(clock: FakeClock, ms: number, step = 1): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    clock.advance(step);
    await turn();
  }
}

/** Lets time pass until `ask` says yes; returns how long that took. */
export async function passUntil(
  clock: FakeClock,
  ask: () => Promise<boolean> | boolean,
): Promise<number> {
  const start = clock.now();
  while (!(await ask())) {
    if (clock.now() - start > 1_000_000) throw new Error("waited in vain");
    await pass(clock, 1);
  }
  return clock.now() - start;
}

/** Ends the turn of the event loop. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Puts `count` values of `bytes` bytes, each in an entry of its own. */
export async function putMany(
  node: DatabaseNode,
  count: number,
  bytes: number,
  prefix = "key",
): Promise<void> {
  for (let i = 0; i < count; i++) await node.db.put(`${prefix}-${i}`, "v".repeat(bytes));
}

/** The code with which a promise rejects; `undefined` when it does not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}
