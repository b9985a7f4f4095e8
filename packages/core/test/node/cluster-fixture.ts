import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createNode, type DatabaseNode, type NodeOptions } from "../../src/index.ts";

/** Short enough for tests, long enough for a busy machine with two cores. */
export const FAST_RAFT = { heartbeatMs: 20, electionMinMs: 150, electionMaxMs: 300 };

/** Little disk, so that nodes open quickly. */
export const SMALL_LOG = { segmentBytes: 1_048_576, cacheBytes: 1_048_576, retainBytes: 0 };

/** Where processes of this machine do not take ports for outgoing connections. */
const FIRST_PORT = 15_000;
const LAST_PORT = 32_000;

/** Ports that nobody listens on now, drawn at random so that tests of other processes draw others. */
async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await canListen(port)) ports.add(port);
  }
  return [...ports];
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => {
      resolve(false);
    });
    server.listen(port, "127.0.0.1", () => {
      resolve(true);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** Nodes in this process, on real disks and sockets. Everything is gone after `destroy`. */
export class Cluster {
  readonly root: string = mkdtempSync(path.join(tmpdir(), "holdfast-cluster-"));
  readonly #nodes = new Map<number, DatabaseNode>();
  readonly #addresses = new Map<number, string>();
  readonly #extra: Partial<NodeOptions>;

  constructor(extra: Partial<NodeOptions> = {}) {
    this.#extra = extra;
  }

  /** Opens `size` nodes, with ids from 1. */
  static async start(size: number, extra: Partial<NodeOptions> = {}): Promise<Cluster> {
    const cluster = new Cluster(extra);
    await cluster.reserve(size);
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    await Promise.all(ids.map((id) => cluster.create(id).open()));
    return cluster;
  }

  /** Addresses for nodes 1 to `size`. */
  async reserve(size: number): Promise<void> {
    const ports = await freePorts(size);
    ports.forEach((port, i) => this.#addresses.set(i + 1, `127.0.0.1:${port}`));
  }

  /** Adds an address for one more node. */
  async reserveOne(id: number): Promise<string> {
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port ?? 0}`;
    this.#addresses.set(id, address);
    return address;
  }

  options(id: number): NodeOptions {
    const members = [...this.#addresses].map(([member, address]) => ({ id: member, address }));
    return {
      directory: path.join(this.root, `node-${id}`),
      id,
      cluster: { name: "test", members },
      raft: FAST_RAFT,
      log: SMALL_LOG,
      ...this.#extra,
    };
  }

  /** A new object for node `id`, not opened yet. */
  create(id: number, options: Partial<NodeOptions> = {}): DatabaseNode {
    const node = createNode({ ...this.options(id), ...options });
    this.#nodes.set(id, node);
    return node;
  }

  address(id: number): string {
    const address = this.#addresses.get(id);
    if (address === undefined) throw new Error(`node ${id} has no address`);
    return address;
  }

  node(id: number): DatabaseNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  get nodes(): readonly DatabaseNode[] {
    return [...this.#nodes.values()];
  }

  /** The open node that leads, once one does. */
  async leader(): Promise<DatabaseNode> {
    return await eventually("a leader", async () => {
      for (const node of this.nodes) {
        const { state, role } = await node.status();
        if (state === "open" && role === "leader") return node;
      }
      return undefined;
    });
  }

  /** Some open node that does not lead. */
  async follower(): Promise<DatabaseNode> {
    const leader = await this.leader();
    for (const node of this.nodes) {
      if (node !== leader && (await node.status()).state === "open") return node;
    }
    throw new Error("no follower");
  }

  async destroy(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Asks every few milliseconds until the answer is neither `undefined` nor `false`; fails after 20 seconds. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
