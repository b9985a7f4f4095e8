import { afterEach, describe, expect, test } from "vitest";
import {
  classicLevelEngine,
  type DatabaseNode,
  HoldfastError,
  type Revision,
  type StoreEngine,
  type WriteOperation,
} from "../../src/index.ts";
import { inspect } from "../../src/inspection.ts";
import { Signal } from "../transport/cluster-fixture.ts";
import { Cluster, eventually, SMALL_LOG } from "./cluster-fixture.ts";
import { CuttableNetwork } from "./cuttable-network.ts";
import { fill, refusal } from "./expectations.ts";

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

async function started(extra: Parameters<typeof Cluster.start>[1] = {}): Promise<DatabaseNode> {
  cluster = await Cluster.start(1, extra);
  return cluster.node(1);
}

const put = (key: string, value: string): WriteOperation => ({
  type: "put",
  key: Buffer.from(key),
  value: Buffer.from(value),
});
const del = (key: string): WriteOperation => ({ type: "del", key: Buffer.from(key) });
const keys = (...names: string[]): Buffer[] => names.map((name) => Buffer.from(name));

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** What a read found, as text. */
async function found(
  node: DatabaseNode,
  ...names: string[]
): Promise<readonly ({ value: string; create: Revision; modify: Revision } | undefined)[]> {
  const { values } = await node.read(keys(...names));
  return values.map((one) => one && { ...one, value: textOf(one.value) });
}

async function scanned(
  node: DatabaseNode,
  range: Parameters<DatabaseNode["scan"]>[0] = {},
): Promise<readonly string[]> {
  const { entries } = await node.scan(range);
  return entries.map(({ key, value }) => [key, value].map(textOf).join("="));
}

describe("revisions", () => {
  test("are those of the command that wrote a key last, and of the one that created it", async () => {
    const node = await started();
    const first = await node.write([put("a", "1")]);
    const second = await node.write([put("a", "2"), put("b", "3")]);
    expect(await found(node, "a", "none", "b")).toEqual([
      { value: "2", create: first.revision, modify: second.revision },
      undefined,
      { value: "3", create: second.revision, modify: second.revision },
    ]);
    await node.write([del("a"), del("never there")]);
    const third = await node.write([put("a", "4")]);
    expect(await found(node, "a")).toEqual([
      { value: "4", create: third.revision, modify: third.revision },
    ]);
    expect(await node.db.getMany(["a", "b"])).toEqual(["4", "3"]);
  });

  test("tell the commands of one entry apart, whoever shares it", async () => {
    const node = await started();
    const [first, , third] = await Promise.all([
      node.write([put("a", "1")]),
      node.db.put("between", "2"),
      node.write([put("a", "3"), put("b", "3")]),
    ]);
    const { index } = first.revision;
    expect([first.revision, third.revision]).toEqual([
      { index, position: 0 },
      { index, position: 2 },
    ]);
    expect(await found(node, "a", "between", "b")).toEqual([
      { value: "3", create: first.revision, modify: third.revision },
      { value: "2", create: { index, position: 1 }, modify: { index, position: 1 } },
      { value: "3", create: third.revision, modify: third.revision },
    ]);
  });

  test("are right on every member, for writes that followers forward as well", async () => {
    cluster = await Cluster.start(3);
    await cluster.leader();
    const { nodes } = cluster;
    const written = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const node = nodes[i % nodes.length] ?? nodes[0];
        const answer = await node?.write([put(`key-${i}`, `${i}`)]);
        return { key: `key-${i}`, revision: answer?.revision };
      }),
    );
    for (const node of nodes) {
      const values = await found(node, ...written.map(({ key }) => key));
      expect(values.map((one) => one?.modify)).toEqual(written.map(({ revision }) => revision));
    }
    const places = written.map(({ revision }) => `${revision?.index}/${revision?.position}`);
    expect(new Set(places).size).toBe(60);
  });
});

describe("reads", () => {
  test("see what was acknowledged, and say up to which entry", async () => {
    cluster = await Cluster.start(3);
    const leader = await cluster.leader();
    const follower = await cluster.follower();
    for (let i = 0; i < 20; i++) {
      const { revision } = await leader.write([put("key", String(i))]);
      const read = await follower.read(keys("key"));
      expect(read.index).toBe(revision.index);
      expect(read.values[0]?.modify).toEqual(revision);
      const scan = await follower.scan({});
      expect(scan).toMatchObject({ index: revision.index, entries: [{ modify: revision }] });
    }
  });

  test("scan a range in either direction, up to a limit", async () => {
    const node = await started();
    const names = ["a", "b", "c", "d"];
    const { revision } = await node.write(names.map((name) => put(name, name.toUpperCase())));
    expect(await scanned(node)).toEqual(["a=A", "b=B", "c=C", "d=D"]);
    const [b, d] = keys("b", "d");
    if (b === undefined || d === undefined) throw new Error("two keys");
    expect(await scanned(node, { gte: b, lt: d })).toEqual(["b=B", "c=C"]);
    expect(await scanned(node, { gt: b, lte: d })).toEqual(["c=C", "d=D"]);
    expect(await scanned(node, { reverse: true, limit: 2 })).toEqual(["d=D", "c=C"]);
    expect(await scanned(node, { limit: 0 })).toEqual([]);
    const { entries } = await node.scan({ gte: d });
    expect(entries).toMatchObject([{ create: revision, modify: revision }]);
  });

  test("scan more than one page of the store", async () => {
    const node = await started();
    const operations = Array.from({ length: 2_500 }, (_, i) => put(String(10_000 + i), ""));
    await node.write(operations);
    const { entries } = await node.scan({});
    expect(entries.map(({ key }) => textOf(key))).toEqual(operations.map(({ key }) => textOf(key)));
  });

  test("answer from one state, whatever is written meanwhile", async () => {
    const node = await started();
    const writes: Promise<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      writes.push(node.write([put("a", String(i)), put("b", String(i))]));
      const [a, b] = await found(node, "a", "b");
      expect(a?.modify).toEqual(b?.modify);
    }
    await Promise.all(writes);
  });

  test("go on in a received state that was switched in under way", async () => {
    const network = new CuttableNetwork();
    const { engine, hold, reached, closed } = holdingEngine();
    cluster = new Cluster({
      checkpoint: { snapshotThreshold: 8, snapshotBytes: 1_000_000, compactionOverhead: 5 },
      log: { ...SMALL_LOG, retainBytes: 0, retainForFollowersBytes: 0 },
    });
    await cluster.reserve(3);
    const follower = cluster.create(3, { platform: { network }, engine });
    const others = [cluster.create(1), cluster.create(2)];
    await Promise.all([follower, ...others].map((node) => node.open()));
    await follower.write([put("key", "old")]);
    const release = hold();
    const read = follower.read(keys("key"));
    const scan = follower.scan({ limit: 1 });
    await reached(2);
    network.cut();
    const leader = await eventually("a leader among the others", () =>
      others.find((node) => inspect(node)?.role === "leader"),
    );
    await fill(leader, 0, 60);
    const { revision } = await leader.write([put("key", "new")]);
    const lastIndex = inspect(follower)?.lastIndex ?? 0;
    await eventually("the log to be cut", () => (inspect(leader)?.firstIndex ?? 0) > lastIndex + 1);
    network.mend();
    await closed;
    release();
    expect((await read).values).toMatchObject([{ modify: revision }]);
    expect((await scan).entries).toMatchObject([{ modify: revision }]);
  });

  test("do not wait for longer than the node is open", async () => {
    const { engine, hold, reached } = holdingEngine();
    const node = await started({ engine });
    const release = hold();
    const read = node.read(keys("key"));
    await reached(1);
    const closed = node.close();
    release();
    // Either it was answered in time, or it says why it was not.
    const outcome = await read.then(
      () => "answered",
      (error: unknown) => (error instanceof HoldfastError ? error.code : error),
    );
    expect(["answered", "CLOSED"]).toContain(outcome);
    await closed;
  });
});

/** LevelDB, of which the first store that is opened answers `get` only while nothing holds it. */
function holdingEngine(): {
  readonly engine: StoreEngine;
  /** Returns what lets go. */
  readonly hold: () => () => void;
  /** Resolves when so many reads are held. */
  readonly reached: (reads: number) => Promise<void>;
  /** Resolves when the first store was closed. */
  readonly closed: Promise<void>;
} {
  const engine = classicLevelEngine();
  let held: Promise<void> | undefined;
  const waiting = new Signal<number>();
  const closed = new Signal<void>();
  let first = true;
  return {
    engine: {
      async open(context) {
        const store = await engine.open(context);
        if (!first) return store;
        first = false;
        const { level } = store;
        const get = level.get.bind(level) as (...parameters: unknown[]) => Promise<Buffer>;
        level.get = async (...parameters: unknown[]): Promise<Buffer> => {
          if (held !== undefined) {
            waiting.emit(1);
            await held;
          }
          return await get(...parameters);
        };
        level.once("closed", () => closed.emit());
        return store;
      },
    },
    hold: () => {
      let release: () => void = () => undefined;
      held = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        held = undefined;
        release();
      };
    },
    reached: async (reads) => {
      await waiting.count(reads);
    },
    closed: closed.count(1).then(() => undefined),
  };
}

describe("writes", () => {
  test("wait behind an iterator that may have to capture the state again", async () => {
    const { engine, hold, reached } = holdingEngine();
    const node = await started({ engine });
    await node.write([put("a", "old")]);
    const release = hold();
    const iterator = node.db.iterator();
    await reached(1);
    let settled = false;
    const written = node.write([put("a", "new")]).finally(() => (settled = true));
    // These do not wait, and would be applied behind the write if it did not.
    for (let i = 0; i < 3; i++) await node.propose({ kind: 0x41, body: Buffer.from("b") });
    expect(settled).toBe(false);
    release();
    await written;
    expect(await iterator.all()).toEqual([["a", "old"]]);
  });

  test("own what they were given", async () => {
    const node = await started();
    const [key, value] = keys("key", "value");
    if (key === undefined || value === undefined) throw new Error("two buffers");
    const written = node.write([{ type: "put", key, value }]);
    key.fill(0);
    value.fill(0);
    await written;
    expect(await scanned(node)).toEqual(["key=value"]);
  });

  test("keep to the limits of the database", async () => {
    const limits = { maxKeyBytes: 4, maxValueBytes: 8, maxBatchBytes: 16 };
    const node = await started({ limits });
    await node.write([put("1234", "12345678")]);
    expect(await refusal(node.write([put("12345", "")]), "TOO_LARGE")).toMatch("maxKeyBytes");
    expect(await refusal(node.write([del("12345")]), "TOO_LARGE")).toMatch("maxKeyBytes");
    expect(await refusal(node.write([put("", "123456789")]), "TOO_LARGE")).toMatch("maxValueBytes");
    const two = [put("12", "12345678"), put("123", "1234")];
    expect(await refusal(node.write(two), "TOO_LARGE")).toMatch("maxBatchBytes");
  });

  test("and reads need a node that is open", async () => {
    const node = await started();
    await node.close();
    await refusal(node.write([put("a", "1")]), "CLOSED");
    await refusal(node.read(keys("a")), "CLOSED");
    await refusal(node.scan({}), "CLOSED");
    await node.open();
    await node.write([put("a", "1")]);
    expect(await scanned(node)).toEqual(["a=1"]);
  });
});

describe("what is no operation, key or range is a TypeError:", () => {
  const key = Buffer.from("key");
  test.each<[string, (node: DatabaseNode) => Promise<unknown>]>([
    ["a write of nothing", (node) => node.write([])],
    ["a write of no array", (node) => node.write({} as never)],
    ["an operation that is none", (node) => node.write([{ type: "clear", key } as never])],
    ["a put without a value", (node) => node.write([{ type: "put", key } as never])],
    ["a key that is text", (node) => node.write([{ type: "del", key: "key" } as never])],
    ["a read of no array", (node) => node.read(key as never)],
    ["a read of text", (node) => node.read(["key"] as never)],
    ["a bound that is text", (node) => node.scan({ gt: "key" } as never)],
    ["a limit below zero", (node) => node.scan({ limit: -1 })],
    ["a limit that is no whole number", (node) => node.scan({ limit: 1.5 })],
    ["an option that is not known", (node) => node.scan({ start: key } as never)],
  ])("%s", async (_, call) => {
    const node = await started();
    await expect(call(node)).rejects.toThrow(TypeError);
    expect((await node.status()).state).toBe("open");
  });
});
