import { createServer } from "node:net";
import path from "node:path";
import type { NodeSettings, NodeStatus } from "@holdfast/core";
import { MemberProcess } from "./member-process.ts";
import type { KeyRange, Reopened } from "./tasks.ts";

const POLL_MS = 5;
const PATIENCE_MS = 120_000;

/** What every member's settings have in common. */
export type CommonSettings = Pick<NodeSettings, "log" | "replication" | "timeouts">;

/** Members of one cluster, each in a process of its own, on loopback, with the production preset. */
export class Cluster {
  readonly settings: readonly NodeSettings[];
  /** The running members by id. */
  readonly members: Map<number, MemberProcess> = new Map<number, MemberProcess>();
  readonly #profileDirectory: string | undefined;

  private constructor(settings: readonly NodeSettings[], profileDirectory: string | undefined) {
    this.settings = settings;
    this.#profileDirectory = profileDirectory;
  }

  static async start(options: {
    readonly directory: string;
    readonly nodes: number;
    readonly common?: CommonSettings;
    readonly profileDirectory?: string | undefined;
  }): Promise<Cluster> {
    const settings = await memberSettings(options.directory, options.nodes, options.common ?? {});
    const cluster = new Cluster(settings, options.profileDirectory);
    await Promise.all(settings.map(({ id }) => cluster.startMember(id)));
    return cluster;
  }

  async startMember(id: number): Promise<void> {
    const [member, settings] = this.#begin(id);
    await member.call("open", settings);
    this.members.set(id, member);
  }

  /** Starts a member and measures how long it takes until it answers a read of the row that `probe` begins with. */
  async measureStart(id: number, probe: KeyRange): Promise<Reopened> {
    const [member, settings] = this.#begin(id);
    const reopened = await member.call("reopen", { settings, probe });
    this.members.set(id, member);
    return reopened;
  }

  #begin(id: number): [MemberProcess, NodeSettings] {
    const settings = this.settings.find((candidate) => candidate.id === id);
    if (settings === undefined) throw new Error(`no settings for node ${id}`);
    return [new MemberProcess(this.#profileDirectory), settings];
  }

  member(id: number): MemberProcess {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no process for node ${id}`);
    return member;
  }

  /** Takes the member out of the running ones and kills it. */
  async kill(id: number): Promise<void> {
    const member = this.member(id);
    this.members.delete(id);
    await member.kill();
  }

  async statuses(): Promise<readonly NodeStatus[]> {
    return await Promise.all(
      [...this.members.values()].map((member) => member.call("status", undefined)),
    );
  }

  /** The leader that a majority of all members agrees on. */
  async untilLeader(): Promise<number> {
    return await until("a leader", async () => {
      const statuses = await this.statuses();
      return statuses.find(({ id, role }) => {
        const followers = statuses.filter(({ leader }) => leader === id);
        return role === "leader" && followers.length * 2 > this.settings.length;
      })?.id;
    });
  }

  /** Waits until every running member has applied what any of them knows to be committed when it is asked. */
  async untilCaughtUp(): Promise<void> {
    const newest = Math.max(...(await this.statuses()).map(({ commit }) => commit));
    await until("all members to catch up", async () => {
      const statuses = await this.statuses();
      return statuses.every(({ applied }) => applied >= newest) ? true : undefined;
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.close()));
    this.members.clear();
  }
}

async function memberSettings(
  directory: string,
  nodes: number,
  common: CommonSettings,
): Promise<readonly NodeSettings[]> {
  const ports = await freePorts(nodes);
  const members = ports.map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` }));
  const { replication, ...rest } = common;
  return members.map(({ id }) => ({
    preset: "production",
    directory: path.join(directory, `node-${id}`),
    id,
    cluster: { name: "bench", members },
    replication: { replicationFactor: nodes, ...replication },
    ...rest,
  }));
}

/** Asks every few milliseconds, for two minutes at most; what cannot be asked counts as no. */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited (${PATIENCE_MS}) ms for ${what}`);
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
