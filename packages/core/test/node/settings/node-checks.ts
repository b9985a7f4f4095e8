import { existsSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { createNode, type NodeOptions } from "../../../src/index.ts";
import { eventually } from "../cluster-fixture.ts";
import { type Bench, codeOf, putMany, type SettingCheck } from "./bench.ts";

async function logBytes(bench: Bench, options: Partial<NodeOptions>): Promise<number> {
  return (await (await bench.one(options)).status()).disk.logBytes;
}

/** Who a node is, where it is, with whom, and what it refuses. */
export const nodeChecks = {
  preset: async (bench) => {
    const single = { replication: { replicationFactor: 1 }, log: {} };
    expect(await logBytes(bench, { ...single, preset: "development" })).toBe(4 << 20);
    expect(await logBytes(bench, { ...single, preset: "production" })).toBe(64 << 20);
  },

  directory: async (bench) => {
    const cluster = await bench.prepare(1);
    const [a, b] = ["a", "b"].map((name) => path.join(cluster.root, name, "data"));
    for (const directory of [a, b]) {
      if (directory === undefined) continue;
      const node = cluster.create(1, { directory });
      expect(existsSync(directory)).toBe(false);
      await node.open();
      await node.db.put("place", directory);
      await node.close();
    }
    const again = cluster.create(1, a === undefined ? {} : { directory: a });
    await again.open();
    expect(await again.db.get("place")).toBe(a);
  },

  id: async (bench) => {
    const cluster = await bench.prepare(1);
    for (const id of [5, 9]) {
      const directory = path.join(cluster.root, `data-${id}`);
      const address = cluster.address(1);
      const node = createNode({
        ...cluster.options(1),
        directory,
        id,
        cluster: { name: "test", members: [{ id, address }] },
      });
      await node.open();
      await node.db.put("key", "value");
      const { leader, members } = await node.status();
      expect([leader, members.map((member) => member.id)]).toEqual([id, [id]]);
      await node.close();
    }
  },

  listen: async (bench) => {
    const cluster = await bench.open(1);
    const [node] = cluster.nodes;
    expect((await node?.status())?.address).toBe(cluster.address(1));
    await node?.close();
    const listen = await cluster.reserveOne(2);
    const other = createNode({ ...cluster.options(1), listen });
    await other.open();
    expect((await other.status()).address).toBe(listen);
    await other.close();
  },

  advertise: async (bench) => {
    const told = async (advertise?: string): Promise<readonly string[]> => {
      await bench.open(3, advertise === undefined ? {} : { advertise });
      return await eventually("a hello", () => {
        const { hellos } = bench.network(1);
        return hellos.length > 0 && hellos.map((hello) => hello.address);
      });
    };
    expect(new Set(await told("holdfast.example:7000"))).toEqual(
      new Set(["holdfast.example:7000"]),
    );
    expect((await told())[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  },

  "cluster.name": async (bench) => {
    const cluster = await bench.open(1);
    await cluster.node(1).close();
    const renamed = createNode({
      ...cluster.options(1),
      cluster: { ...cluster.options(1).cluster, name: "other" },
    });
    expect(await codeOf(renamed.open())).toBe("IDENTITY");
    const ids: string[] = [];
    for (const name of ["one", "two"]) {
      const running = await bench.prepare(3);
      const members = running.options(1).cluster.members ?? [];
      for (const id of [1, 2]) await running.create(id, { cluster: { name, members } }).open();
      expect((await running.node(1).status()).cluster).toBe(name);
      ids.push(name);
      await running.node(1).db.put("key", name);
      expect(await running.node(2).db.get("key")).toBe(name);
    }
    expect(ids).toEqual(["one", "two"]);
  },

  "cluster.members": async (bench) => {
    for (const size of [1, 3]) {
      const cluster = await bench.open(size);
      const leader = await cluster.leader();
      const expected = Array.from({ length: size }, (_, i) => cluster.address(i + 1));
      expect((await leader.status()).members.map(({ address }) => address)).toEqual(expected);
    }
  },

  "cluster.join": async (bench) => {
    const cluster = await bench.prepare(1);
    const { members = [] } = cluster.options(1).cluster;
    for (const join of [true, false]) {
      const node = cluster.create(1, {
        directory: path.join(cluster.root, `join-${join}`),
        cluster: { name: "test", members, join },
      });
      await node.open();
      const { members: known } = await node.status();
      expect(known.map(({ id }) => id)).toEqual(join ? [] : [1]);
      await node.close();
    }
  },

  "replication.replicationFactor": async (bench) => {
    for (const replicationFactor of [1, 3]) {
      const cluster = await bench.open(3, { replication: { replicationFactor } });
      const { members } = await (await cluster.leader()).status();
      const voters = members.filter(({ role }) => role === "voter").map(({ id }) => id);
      expect(voters).toEqual([1, 2, 3].slice(0, replicationFactor));
      expect(members).toHaveLength(3);
    }
  },

  "replication.batchSize": async (bench) => {
    for (const [batchSize, entries] of [
      [10, 10],
      [100, 1],
    ] as const) {
      const node = await bench.one({ replication: { batchSize } });
      await node.db.put("first", "");
      const before = (await node.status()).lastIndex;
      await Promise.all(Array.from({ length: 100 }, (_, i) => node.db.put(`key-${i}`, "value")));
      expect((await node.status()).lastIndex - before).toBe(entries);
    }
  },

  "limits.maxKeyBytes": async (bench) => {
    const write = async (maxKeyBytes: number): Promise<string | undefined> =>
      codeOf((await bench.one({ limits: { maxKeyBytes } })).db.put("k".repeat(50), "v"));
    expect([await write(49), await write(50)]).toEqual(["TOO_LARGE", undefined]);
  },

  "limits.maxValueBytes": async (bench) => {
    const write = async (maxValueBytes: number): Promise<string | undefined> =>
      codeOf((await bench.one({ limits: { maxValueBytes } })).db.put("k", "v".repeat(50)));
    expect([await write(49), await write(50)]).toEqual(["TOO_LARGE", undefined]);
  },

  "limits.maxBatchBytes": async (bench) => {
    const write = async (maxBatchBytes: number): Promise<string | undefined> => {
      const limits = { maxKeyBytes: 10, maxValueBytes: 30, maxBatchBytes };
      const { db } = await bench.one({ limits });
      const value = "v".repeat(24);
      return codeOf(db.batch(["a", "b"].map((key) => ({ type: "put" as const, key, value }))));
    };
    expect([await write(49), await write(50)]).toEqual(["TOO_LARGE", undefined]);
  },

  "limits.maxPendingBytes": async (bench) => {
    const waiting = async (maxPendingBytes: number): Promise<number> => {
      const limits = {
        maxKeyBytes: 100,
        maxValueBytes: 9_900,
        maxBatchBytes: 10_000,
        maxPendingBytes,
      };
      const node = await bench.lonely({ limits });
      for (let i = 0; i < 9; i++) void codeOf(node.db.put("key", "v".repeat(9_000)));
      return Math.floor((await node.status()).pendingBytes / 9_000);
    };
    expect([await waiting(30_000), await waiting(60_000)]).toEqual([3, 6]);
  },

  "transport.maxFrameBytes": async (bench) => {
    const propose = async (maxFrameBytes: number): Promise<string | undefined> => {
      const node = await bench.one({
        limits: { maxKeyBytes: 100, maxValueBytes: 1_000, maxBatchBytes: 10_000 },
        raft: { maxAppendBytes: 100_000 },
        transport: { maxFrameBytes },
      });
      return codeOf(node.propose({ kind: 0x41, body: new Uint8Array(1_500_000) }));
    };
    expect([await propose(1_400_000), await propose(1_600_000)]).toEqual(["TOO_LARGE", undefined]);
  },

  "log.segmentBytes": async (bench) => {
    expect(await logBytes(bench, { log: { segmentBytes: 65_536 } })).toBe(65_536);
    expect(await logBytes(bench, { log: { segmentBytes: 1_048_576 } })).toBe(1_048_576);
  },

  "log.cacheBytes": async (bench) => {
    const reads = async (cacheBytes: number): Promise<number> => {
      const node = await bench.one({ log: { segmentBytes: 1_048_576, cacheBytes } });
      await putMany(node, 20, 100);
      const before = bench.disk(1).reads.length;
      const { lastIndex } = await node.status();
      for await (const { index } of node.commits({ from: 2 })) if (index >= lastIndex) break;
      return bench
        .disk(1)
        .reads.slice(before)
        .filter((file) => file.includes("/wal/")).length;
    };
    expect(await reads(1_000_000)).toBe(0);
    expect(await reads(0)).toBeGreaterThan(0);
  },
} satisfies Record<string, SettingCheck>;
