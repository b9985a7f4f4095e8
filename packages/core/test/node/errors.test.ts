import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { DiskError } from "@holdfast/platform";
import { afterEach, describe, expect, test } from "vitest";
import { createNode, HoldfastError, openNode } from "../../src/index.ts";
import { childPrograms } from "../children/spawn.ts";
import { Cluster } from "./cluster-fixture.ts";
import { contents, fill, keyCount, refusal, stopOf } from "./expectations.ts";
import { FaultyDisk } from "./faulty-disk.ts";

const runChild = childPrograms();

let cluster: Cluster | undefined;

async function start(...parameters: Parameters<typeof Cluster.start>): Promise<Cluster> {
  cluster = await Cluster.start(...parameters);
  return cluster;
}

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

describe("what is too large", () => {
  const limits = { maxKeyBytes: 100, maxValueBytes: 1_000, maxBatchBytes: 3_000 };

  test("is refused before anything is proposed", async () => {
    const node = (await start(1, { limits })).node(1);
    await node.db.put("k".repeat(100), "v".repeat(1_000));
    const { lastIndex } = await node.status();
    const key = "k".repeat(101);
    const value = "v".repeat(1_001);
    const four = ["a", "b", "c", "d"].map((name) => ({
      type: "put" as const,
      key: name,
      value: "v".repeat(900),
    }));
    const messages = [
      await refusal(node.db.put(key, "v"), "TOO_LARGE"),
      await refusal(node.db.del(key), "TOO_LARGE"),
      await refusal(node.db.put("k", value), "TOO_LARGE"),
      await refusal(node.db.batch([{ type: "put", key: "k", value }]), "TOO_LARGE"),
      await refusal(node.db.batch(four), "TOO_LARGE"),
    ];
    expect(messages).toMatchInlineSnapshot(`
      [
        "key of (101) bytes exceeds maxKeyBytes (100): split it, or raise the limit",
        "key of (101) bytes exceeds maxKeyBytes (100): split it, or raise the limit",
        "value of (1001) bytes exceeds maxValueBytes (1000): split it, or raise the limit",
        "value of (1001) bytes exceeds maxValueBytes (1000): split it, or raise the limit",
        "batch of (3604) bytes exceeds maxBatchBytes (3000): split it, or raise the limit",
      ]
    `);
    expect(await node.status()).toMatchObject({ lastIndex, pendingBytes: 0 });
    await node.db.batch(four.slice(0, 3));
    expect(await keyCount(node)).toBe(4);
  });

  test("a command that no frame can carry is refused: the leader alone would have it for ever", async () => {
    const running = await start(3, {
      limits: { ...limits, maxPendingBytes: 100_000_000 },
      transport: { maxFrameBytes: 2_000_000, maxQueueBytes: 4_000_000 },
      raft: { heartbeatMs: 20, electionMinMs: 150, electionMaxMs: 300, maxAppendBytes: 1_000_000 },
    });
    const leader = await running.leader();
    const { lastIndex } = await leader.status();
    const body = new Uint8Array(2_000_000);
    const message = await refusal(leader.propose({ kind: 0x41, body }), "TOO_LARGE");
    expect(message).toContain("maxFrameBytes");
    expect((await leader.status()).lastIndex).toBe(lastIndex);
    // The largest that is taken does reach the others, from wherever it comes.
    const follower = await running.follower();
    await follower.propose({ kind: 0x41, body: body.subarray(2_000) });
    await leader.propose({ kind: 0x41, body: body.subarray(2_000) });
    expect(await keyCount(follower)).toBe(0);
  });

  test("a batch that is small in bytes and long in operations is one as well", async () => {
    const running = await start(1, {
      limits,
      transport: { maxFrameBytes: 1_100_000, maxQueueBytes: 4_000_000 },
      raft: { maxAppendBytes: 500_000 },
    });
    const node = running.node(1);
    const operations = Array.from({ length: 220_000 }, () => ({ type: "del" as const, key: "" }));
    expect(await refusal(node.db.batch(operations), "TOO_LARGE")).toContain("maxFrameBytes");
    await node.db.batch(operations.slice(0, 100));
  });
});

describe("a closed database", () => {
  test("refuses with the code that abstract-level defines, the node with its own", async () => {
    const node = (await start(1)).node(1);
    await node.db.put("key", "value");
    await node.close();
    const closed = { code: "LEVEL_DATABASE_NOT_OPEN" };
    await expect(node.db.get("key")).rejects.toMatchObject(closed);
    await expect(node.db.put("key", "value")).rejects.toMatchObject(closed);
    await expect(node.db.del("key")).rejects.toMatchObject(closed);
    await expect(node.db.batch([])).rejects.toMatchObject(closed);
    await expect(node.db.clear()).rejects.toMatchObject(closed);
    await refusal(node.propose({ kind: 0x41, body: new Uint8Array(1) }), "CLOSED");
    await refusal(node.readBarrier(), "CLOSED");
    expect(() => node.machine).toThrow(HoldfastError);
    expect(() => node.commits({ from: 1 })).toThrow(HoldfastError);
    expect(await node.status()).toMatchObject({ state: "closed" });
  });
});

describe("a data directory", () => {
  test.each([
    [
      "of another cluster",
      { cluster: { name: "other", members: [{ id: 1, address: "127.0.0.1:0" }] } },
      ["(test)", "(other)", "cluster.name"],
    ],
    [
      "of another node",
      { id: 2, cluster: { name: "test", members: [{ id: 2, address: "127.0.0.1:0" }] } },
      ["(1)", "(2)", "set id"],
    ],
  ])("%s is refused and left as it is", async (_, other, said) => {
    const running = await start(1);
    const node = running.node(1);
    await fill(node, 0, 5);
    await node.close();
    const { directory } = running.options(1);
    const before = contents(directory);
    const message = await refusal(openNode({ ...running.options(1), ...other }), "IDENTITY");
    for (const part of [directory, ...said]) expect(message).toContain(part);
    expect(contents(directory)).toEqual(before);
    await node.open();
    expect(await keyCount(node)).toBe(5);
  });

  test("that another node of this process uses is refused", async () => {
    const running = await start(1);
    const node = running.node(1);
    const message = await refusal(
      openNode({ ...running.options(1), listen: "127.0.0.1:0" }),
      "LOCKED",
    );
    expect(message).toContain(running.options(1).directory);
    expect(message).toContain("stop it, or choose another directory");
    await node.db.put("key", "value");
    await node.close();
    const next = await openNode(running.options(1));
    expect(await next.db.get("key")).toBe("value");
    await next.close();
  });

  test("that another process uses is refused until that one is dead", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    const { directory } = running.options(1);
    const child = runChild("hold-node", directory);
    await child.printed("open");
    const node = running.create(1);
    await refusal(node.open(), "LOCKED");
    await child.kill();
    await node.open();
    expect(await node.db.get("held")).toBe("by another process");
  });

  test("that cannot be made or written names itself and the reason", async () => {
    const running = await start(1);
    const file = path.join(running.root, "file");
    writeFileSync(file, "not a directory");
    const inFile = path.join(file, "data");
    const message = await refusal(
      openNode({ ...running.options(1), directory: inFile }),
      "STOPPED",
    );
    expect(message).toContain(inFile);
    expect(message).toContain("check its permissions");

    const disk = new FaultyDisk();
    disk.beforeCreateDirectory = (directory) => {
      throw new DiskError(
        "IO",
        directory,
        `cannot create directory ${directory} (EACCES: permission denied)`,
      );
    };
    const refused = openNode({ ...running.options(1), directory: `${file}-2`, platform: { disk } });
    expect(await refusal(refused, "STOPPED")).toContain("EACCES");
    await disk.close();
  });
});

test("a port in use is named, and the data directory can be opened at once with another", async () => {
  const running = await start(1);
  const node = running.node(1);
  await node.db.put("key", "value");
  await node.close();
  const server = createServer();
  const port = Number(new URL(`tcp://${running.address(1)}`).port);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const message = await refusal(node.open(), "ADDRESS");
  expect(message).toContain(running.address(1));
  expect(message).toContain("in use");
  const elsewhere = createNode({ ...running.options(1), listen: "127.0.0.1:0" });
  await elsewhere.open();
  expect(await elsewhere.db.get("key")).toBe("value");
  await elsewhere.close();
  await new Promise((resolve) => server.close(resolve));
  await node.open();
  expect(await node.db.get("key")).toBe("value");
});

describe("who is somebody else", () => {
  test("a node of another cluster is told so and stops; those that it dialled go on", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(3);
    await Promise.all([1, 2].map((id) => running.create(id).open()));
    await running.node(1).db.put("key", "1");
    const stranger = running.create(3, {
      cluster: { ...running.options(3).cluster, name: "other" },
    });
    const stopped = stopOf(stranger);
    await stranger.open();
    const error = await stopped.error;
    expect(error).toMatchObject({ code: "IDENTITY" });
    expect(error.message).toMatch(/refused this one: .*another cluster: check the cluster names/);
    expect(await stranger.status()).toMatchObject({ state: "stopped", failure: error });
    await expect(stranger.db.get("key")).rejects.toBe(error);
    await running.node(2).db.put("key", "2");
    expect(await running.node(1).db.get("key")).toBe("2");
  });

  test("a stranger at a member's address does not stop those that dial it", async () => {
    const running = await start(3);
    await fill(running.node(1), 0, 5);
    await running.node(3).close();
    const listen = running.address(3);
    const stranger = await openNode({
      ...running.options(3),
      directory: path.join(running.root, "stranger"),
      listen,
      cluster: { name: "other", members: [{ id: 3, address: listen }] },
    });
    // Both dial it again, soon, and are refused.
    const met = new Set<number>();
    for (const id of [1, 2]) running.node(id).events.on("stopped", () => met.add(id));
    await fill(running.node(2), 5, 100);
    await stranger.close();
    await running.node(3).open();
    expect(await keyCount(running.node(3))).toBe(100);
    expect(met.size).toBe(0);
  });

  test("a wiped disk under a known id is refused by the others, and stops (trap 38)", async () => {
    const running = await start(3);
    await fill(running.node(1), 0, 20);
    const old = running.node(3);
    await old.close();
    rmSync(running.options(3).directory, { recursive: true });
    const wiped = running.create(3);
    const stopped = stopOf(wiped);
    await wiped.open();
    const error = await stopped.error;
    expect(error).toMatchObject({ code: "IDENTITY" });
    expect(error.message).toContain("Remove the member and add the new one under a new id");
    await fill(running.node(1), 20, 40);
    expect(await keyCount(running.node(2))).toBe(40);
    // It stays refused, however often it is started.
    const again = stopOf(wiped);
    await wiped.open();
    expect(await again.error).toMatchObject({ code: "IDENTITY" });
    expect(stopped.events).toHaveLength(2);
  });
});
