import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { AbstractDatabaseOptions } from "abstract-level";
import { afterAll, vi } from "vitest";
import { createNode, type DatabaseNode, type HoldfastDatabase } from "../../src/index.ts";
import { closeAll, runAbstractLevelSuite } from "../database/abstract-level-suite.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const root = mkdtempSync(path.join(tmpdir(), "holdfast-suite-"));
const nodes: DatabaseNode<unknown, unknown>[] = [];
let clusters = 0;

afterAll(async () => {
  await closeAll(nodes);
  rmSync(root, { recursive: true, force: true });
});

function cluster(
  size: number,
  database: AbstractDatabaseOptions<unknown, unknown>,
): HoldfastDatabase<unknown, unknown> {
  clusters += 1;
  const members = Array.from({ length: size }, (_, i) => ({
    id: i + 1,
    // Every cluster has a loopback address of its own, so nobody else can have taken its ports.
    address: `127.${10 + Math.floor(clusters / 250)}.${clusters % 250}.${process.pid % 250}:${7_001 + i}`,
  }));
  const [first, ...others] = members.map(({ id }) => {
    const node = createNode({
      directory: path.join(root, String(clusters), String(id)),
      id,
      cluster: { name: "suite", members },
      raft: { heartbeatMs: 50, electionMinMs: 500, electionMaxMs: 1_000 },
      log: { segmentBytes: 65_536, cacheBytes: 65_536, retainBytes: 0 },
      database: id === 1 ? database : {},
    });
    nodes.push(node);
    return node;
  });
  if (first === undefined) throw new Error("a cluster has members");
  // The suite opens and closes its database, and with it node 1; the others follow.
  first.db.on("opening", () => {
    for (const node of others) void node.open();
  });
  first.db.on("closed", () => {
    for (const node of others) void node.close();
  });
  return first.db;
}

/** The suite that abstract-level publishes, on databases that are `size` nodes in this process. */
export function runReplicatedSuite(name: string, size: number): void {
  runAbstractLevelSuite(name, (options = {}) => cluster(size, options));
}
