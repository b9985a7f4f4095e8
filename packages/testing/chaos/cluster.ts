import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodeSettings } from "@holdfast/core";
import type { Cleanup } from "./cleanup.ts";
import { DataDirectory } from "./data-directory.ts";
import { Injection } from "./injection.ts";
import { LoopbackTopology } from "./loopback.ts";
import { NamespaceTopology, removeLeftovers } from "./namespaces.ts";
import { type Incident, Supervisor } from "./supervisor.ts";
import type { Tools } from "./tools.ts";
import type { Topology } from "./topology.ts";

/** Ids of the members. */
export const MEMBERS: readonly number[] = [1, 2, 3, 4, 5];

/** The data of these is on a tmpfs that can be filled: two of five, so that the others hold a majority. */
const ON_TMPFS: readonly number[] = [4, 5];

/** One member, with everything that can be done to it. */
export interface ChaosMember {
  readonly id: number;
  readonly supervisor: Supervisor;
  readonly directory: DataDirectory;
  readonly injection: Injection;
}

/** Five real nodes, each in a process and, where allowed, a network of its own. */
export interface ChaosCluster {
  readonly members: readonly ChaosMember[];
  readonly topology: Topology;
  /** Members that ended without a fault. */
  readonly incidents: readonly Incident[];
  /** Who leads, by the members that answer; `undefined` while they do not agree. */
  leader(): Promise<number | undefined>;
}

/** Makes directories, networks and processes; `cleanup` gets what removes them. Resolves when every node is open. */
export async function startCluster(
  tools: Tools,
  cleanup: Cleanup,
  useTmpfs: boolean,
): Promise<ChaosCluster> {
  if (tools.namespaces) removeLeftovers();
  const parent = mkdtempSync(join(tmpdir(), "holdfast-chaos-"));
  cleanup.add(`remove ${parent}`, () => rmSync(parent, { recursive: true, force: true }));
  const topology = tools.namespaces
    ? await NamespaceTopology.make(MEMBERS, cleanup)
    : await LoopbackTopology.make(MEMBERS, cleanup);
  const incidents: Incident[] = [];
  const members = MEMBERS.map((id): ChaosMember => {
    const onTmpfs = useTmpfs && ON_TMPFS.includes(id);
    const directory = new DataDirectory(parent, `member-${id}`, onTmpfs, cleanup);
    const injection = new Injection(tools, parent, id);
    const program = [process.execPath, MEMBER, JSON.stringify(settings(id, topology, directory))];
    // The libraries are for the node, not for the programs that bring it to its place.
    const variables = Object.entries(injection.env).map(([name, value]) => `${name}=${value}`);
    const [command = "", ...args] = topology.place(id, ["env", ...variables, ...program]);
    const supervisor = new Supervisor(
      id,
      { command, args },
      {
        incident: (one) => incidents.push(one),
        ended: (pid) => injection.forget(pid),
      },
    );
    cleanup.add(`end member ${id}`, () => supervisor.endNow());
    return { id, supervisor, directory, injection };
  });
  const opened = await Promise.all(members.map(({ supervisor }) => supervisor.start()));
  if (opened.includes(false)) {
    throw new Error(
      members
        .flatMap(({ id, supervisor }) => supervisor.ends.map((end) => `member ${id}: ${end}`))
        .join("; "),
    );
  }
  return { members, topology, incidents, leader: () => agreedLeader(members) };
}

const MEMBER = fileURLToPath(new URL("./member.js", import.meta.url));

const KIB = 1024;

/** Small logs and frequent checkpoints, so that segments are removed and lagging members get snapshots within minutes. */
function settings(id: number, topology: Topology, directory: DataDirectory): NodeSettings {
  return {
    directory: directory.path,
    id,
    listen: topology.listen(id),
    cluster: {
      name: "chaos",
      members: MEMBERS.map((member) => ({ id: member, address: topology.address(member) })),
    },
    log: {
      segmentBytes: 1024 * KIB,
      cacheBytes: 1024 * KIB,
      retainBytes: 256 * KIB,
      retainForFollowersBytes: 512 * KIB,
    },
    checkpoint: { snapshotThreshold: 500 },
    timeouts: { proposalMs: 3_000, readMs: 3_000 },
  };
}

const STATUS_MS = 500;

async function agreedLeader(members: readonly ChaosMember[]): Promise<number | undefined> {
  const statuses = await Promise.all(members.map(({ supervisor }) => supervisor.status(STATUS_MS)));
  const votes = new Map<number, number>();
  for (const status of statuses) {
    if (status?.leader === undefined) continue;
    votes.set(status.leader, (votes.get(status.leader) ?? 0) + 1);
  }
  return [...votes].find(([, count]) => count > members.length / 2)?.[0];
}
