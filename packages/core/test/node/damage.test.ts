import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DiskError } from "@holdfast/platform";
import { afterEach, describe, expect, test } from "vitest";
import {
  type CommittedEntry,
  type HoldfastError,
  classicLevelEngine,
  openMachine,
  openNode,
  type StateMachine,
  type StateMachineFactory,
} from "../../src/index.ts";
import { type KvMachine, kvMachine } from "../../src/kv/kv-machine.ts";
import { Cluster, eventually } from "./cluster-fixture.ts";
import { contents, fill, flipByte, keyCount, refusal, stopOf } from "./expectations.ts";
import { FaultyDisk } from "./faulty-disk.ts";

let cluster: Cluster | undefined;

async function start(...parameters: Parameters<typeof Cluster.start>): Promise<Cluster> {
  cluster = await Cluster.start(...parameters);
  return cluster;
}

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

describe("damage", () => {
  test("in the middle of the log is refused with file and offset; nothing is changed", async () => {
    const running = await start(1);
    const node = running.node(1);
    await fill(node, 0, 50);
    await node.close();
    const { directory } = running.options(1);
    const [segment = ""] = readdirSync(path.join(directory, "wal"));
    const file = path.join(directory, "wal", segment);
    // In the value of an early entry: many valid frames follow, whose writers knew this one to be synced.
    const offset = readFileSync(file).indexOf("value 7");
    expect(offset).toBeGreaterThan(0);
    flipByte(file, offset);
    const before = contents(directory);
    const message = await refusal(node.open(), "CORRUPT");
    expect(message).toContain(file);
    expect(message).toMatch(/offset \(\d+\)/);
    expect(contents(directory)).toEqual(before);
    await expect(node.db.get("key-0001")).rejects.toMatchObject({
      code: "LEVEL_DATABASE_NOT_OPEN",
    });
    flipByte(file, offset);
    await node.open();
    expect(await keyCount(node)).toBe(50);
  });

  test.each(["identity", "CURRENT", "peers"])(
    "in the file %s is refused by its name; nothing is changed",
    async (name) => {
      const running = await start(3);
      await fill(await running.leader(), 0, 5);
      const node = running.node(2);
      await node.close();
      const { directory } = running.options(2);
      const file = path.join(directory, name);
      const size = readFileSync(file).length;
      for (const offset of [0, size - 1]) {
        flipByte(file, offset);
        const before = contents(directory);
        const message = await refusal(node.open(), "CORRUPT");
        expect(message).toContain(file);
        expect(contents(directory)).toEqual(before);
        flipByte(file, offset);
      }
      await node.open();
      expect(await keyCount(node)).toBe(5);
    },
  );

  test("to the store is refused by its name", async () => {
    const running = await start(1);
    const node = running.node(1);
    await fill(node, 0, 5);
    await node.close();
    const store = path.join(running.options(1).directory, "store-1");
    const current = path.join(store, "CURRENT");
    const content = readFileSync(current);
    writeFileSync(current, "MANIFEST-999999\n");
    expect(await refusal(node.open(), "CORRUPT")).toContain(store);
    writeFileSync(current, content);
    await node.open();
    expect(await keyCount(node)).toBe(5);
  });

  test("a log that is lost beside its store is refused: the votes and promises in it are lost, too", async () => {
    const running = await start(1);
    const node = running.node(1);
    await fill(node, 0, 5);
    await node.close();
    rmSync(path.join(running.options(1).directory, "wal"), { recursive: true });
    const message = await refusal(node.open(), "IDENTITY");
    expect(message).toContain("remove the member and add a new one");
  });

  test("an identity that is lost beside its log is refused", async () => {
    const running = await start(1);
    const node = running.node(1);
    await fill(node, 0, 5);
    await node.close();
    rmSync(path.join(running.options(1).directory, "identity"));
    await refusal(node.open(), "IDENTITY");
  });
});

describe("a disk that fails once", () => {
  test.each(["IO", "FULL"] as const)(
    "(%s) stops the node; nothing that was acknowledged is lost",
    async (code) => {
      const disk = new FaultyDisk();
      const running = await start(1, { platform: { disk } });
      const node = running.node(1);
      await fill(node, 0, 20);
      const stopped = stopOf(node);
      let failed = false;
      disk.beforeAppend = (file) => {
        if (failed) return;
        failed = true;
        throw new DiskError(code, file, "the device does not answer");
      };
      const pending = [node.db.put("a", "1"), node.db.del("key-0001"), node.db.put("b", "2")];
      const outcomes = await Promise.allSettled(pending);
      const error = await stopped.error;
      expect(error).toMatchObject({ code: "STOPPED" });
      expect(error.message).toContain("mend the disk and restart the node");
      expect(outcomes).toMatchObject(
        pending.map(() => ({ status: "rejected", reason: { code: "UNKNOWN", cause: error } })),
      );
      expect(await node.status()).toMatchObject({ state: "stopped", failure: error });
      await expect(node.db.get("key-0000")).rejects.toBe(error);
      await expect(node.db.put("c", "3")).rejects.toBe(error);
      await node.open();
      expect(await node.status()).toMatchObject({ state: "open" });
      expect((await node.db.keys({ gte: "key" }).all()).length).toBeGreaterThanOrEqual(19);
      await node.db.put("d", "4");
      expect(await node.db.get("d")).toBe("4");
      expect(stopped.events).toEqual([error]);
      await node.close();
      await disk.close();
    },
  );

  test("a leader that stops hands over to the others, which have everything", async () => {
    const disks = new Map([1, 2, 3].map((id) => [id, new FaultyDisk()]));
    const running = new Cluster();
    cluster = running;
    await running.reserve(3);
    const open = [...disks].map(([id, disk]) => running.create(id, { platform: { disk } }).open());
    await Promise.all(open);
    const leader = await running.leader();
    await fill(leader, 0, 20);
    const stopped = stopOf(leader);
    const disk = disks.get(leader.id);
    if (disk === undefined) throw new Error("every node has a disk");
    disk.beforeAppend = (file) => {
      throw new DiskError("IO", file, "the device does not answer");
    };
    await leader.db.put("last", "1").catch(() => undefined);
    await stopped.error;
    const next = await running.leader();
    await fill(next, 20, 40);
    disk.beforeAppend = () => undefined;
    await leader.open();
    expect(
      (await leader.db.keys({ gte: "key" }).all()).filter((key) => key !== "last"),
    ).toHaveLength(40);
    await Promise.all(running.nodes.map((node) => node.close()));
    await Promise.all([...disks.values()].map((each) => each.close()));
  });
});

describe("a state machine that throws", () => {
  /** A real one that fails when it is told to. */
  function failing(machine: KvMachine, fails: () => boolean): StateMachine {
    return {
      format: machine.format,
      applied: () => machine.applied(),
      apply: (entries: readonly CommittedEntry[]) =>
        fails() ? Promise.reject(new Error("no such currency")) : machine.apply(entries),
      checkpoint: () => machine.checkpoint(),
      snapshot: () => machine.snapshot(),
      restore: (applied, chunks) => machine.restore(applied, chunks),
      sizeBytes: () => machine.sizeBytes(),
      close: (options) => machine.close(options),
    };
  }

  test("from apply stops its node, which can be opened again once it is mended", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    let broken = false;
    const machine: StateMachineFactory = async (context) =>
      failing(await kvMachine()(context), () => broken);
    const node = await openMachine({ ...running.options(1), machine });
    const put = { kind: 0x40, body: Buffer.from([1, 0, 0, 0, 97, 98]) };
    await node.propose(put);
    const events: HoldfastError[] = [];
    node.events.on("stopped", (error) => events.push(error));
    broken = true;
    const waiting = node.commits({ from: node.machine.applied().index + 1 }).next();
    const message = await refusal(node.propose(put), "UNKNOWN");
    expect(message).toContain("no such currency");
    expect(await refusal(waiting, "STOPPED")).toContain("no such currency");
    expect(events).toMatchObject([{ code: "STOPPED", cause: { message: "no such currency" } }]);
    await refusal(node.propose(put), "STOPPED");
    expect(await node.status()).toMatchObject({ state: "stopped" });
    broken = false;
    await node.open();
    await node.propose(put);
    // The entry that it stumbled over was committed, and is applied now.
    expect((await node.status()).applied).toBe((await node.status()).commit);
    expect(events).toHaveLength(1);
    await node.close();
  });
});

test("what fails while a stopped node is released is no second failure, and its lock is free", async () => {
  const running = await start(1, {
    engine: {
      open: async (context) => {
        const store = await classicLevelEngine().open(context);
        const close = store.level.close.bind(store.level);
        store.level.close = async () => {
          await close();
          throw new Error("cannot close");
        };
        return store;
      },
    },
  });
  const node = running.node(1);
  await node.db.put("key", "value");
  await expect(node.close()).rejects.toMatchObject({ code: "LEVEL_DATABASE_NOT_CLOSED" });
  const next = await openNode({ ...running.options(1), engine: classicLevelEngine() });
  expect(await next.db.get("key")).toBe("value");
  await next.close();
  await eventually("the node to be closed", async () => (await node.status()).state === "closed");
});
