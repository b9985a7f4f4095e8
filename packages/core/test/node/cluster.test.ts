import { afterEach, describe, expect, test } from "vitest";
import { type DatabaseNode, HoldfastError } from "../../src/index.ts";
import { Cluster, eventually } from "./cluster-fixture.ts";

let cluster: Cluster | undefined;

async function start(...parameters: Parameters<typeof Cluster.start>): Promise<Cluster> {
  cluster = await Cluster.start(...parameters);
  return cluster;
}

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

async function allApplied(nodes: readonly DatabaseNode[]): Promise<void> {
  await eventually("all nodes to apply everything", async () => {
    const found = await Promise.all(nodes.map((node) => node.status()));
    const newest = Math.max(...found.map(({ commit }) => commit));
    return found.every(({ applied }) => applied >= newest);
  });
}

describe("a cluster of three", () => {
  test("takes writes on every node and shows them on every other", async () => {
    const { nodes } = await start(3);
    await Promise.all(nodes.map((node) => node.db.put(`key-${node.id}`, `value-${node.id}`)));
    for (const node of nodes) {
      const rows = await node.db.iterator().all();
      expect(rows).toEqual([1, 2, 3].map((id) => [`key-${id}`, `value-${id}`]));
    }
  });

  test("keeps the order of commands that are not awaited, through a follower", async () => {
    const { nodes } = await start(3);
    const follower = await (cluster ?? (await start(3))).follower();
    await Promise.all(Array.from({ length: 500 }, (_, i) => follower.db.put("key", String(i))));
    for (const node of nodes) expect(await node.db.get("key")).toBe("499");
  });

  test("goes on without its leader, and loses nothing that was acknowledged", async () => {
    const running = await start(3);
    const leader = await running.leader();
    const acknowledged: string[] = [];
    const writer = running.nodes.find((node) => node !== leader);
    if (writer === undefined) throw new Error("three nodes have two followers");
    const write = async (from: number): Promise<void> => {
      for (let i = from; i < from + 50; i++) {
        await writer.db.put(`key-${i}`, String(i));
        acknowledged.push(`key-${i}`);
      }
    };
    await write(0);
    const during = write(50);
    await leader.close();
    await during;
    expect((await running.leader()).id).not.toBe(leader.id);
    await leader.open();
    await allApplied(running.nodes);
    for (const node of running.nodes) {
      expect((await node.db.keys().all()).sort()).toEqual([...acknowledged].sort());
    }
  });

  test("comes back from a stop of all its members with everything", async () => {
    const running = await start(3);
    await running.node(1).db.batch([
      { type: "put", key: "a", value: "1" },
      { type: "put", key: "b", value: "2" },
    ]);
    await Promise.all(running.nodes.map((node) => node.close()));
    await Promise.all(running.nodes.map((node) => node.open()));
    for (const node of running.nodes) {
      expect(await node.db.iterator().all()).toEqual([
        ["a", "1"],
        ["b", "2"],
      ]);
    }
  });

  test("has the same state hash on every member", async () => {
    const running = await start(3);
    for (let i = 0; i < 20; i++) await running.node((i % 3) + 1).db.put(`key-${i % 7}`, String(i));
    await running.node(2).db.clear({ gte: "key-2", lt: "key-4" });
    await allApplied(running.nodes);
    const states = running.nodes.map((node) => node.machine.applied());
    for (const { index, stateHash } of states) {
      expect([index, Buffer.from(stateHash).toString("hex")]).toEqual([
        states[0]?.index,
        Buffer.from(states[0]?.stateHash ?? []).toString("hex"),
      ]);
    }
  });

  test("writes nothing to the log for a read (O16)", async () => {
    const running = await start(3);
    await running.node(1).db.put("key", "value");
    await allApplied(running.nodes);
    const before = (await (await running.leader()).status()).lastIndex;
    for (const node of running.nodes) {
      await Promise.all(Array.from({ length: 50 }, () => node.db.get("key")));
    }
    expect((await (await running.leader()).status()).lastIndex).toBe(before);
  });
});

describe("without a quorum", () => {
  const timeouts = { proposalMs: 400, readMs: 400 };

  test("a write ends with UNKNOWN or NOT_COMMITTED and a read with UNAVAILABLE, at the deadline", async () => {
    const running = await start(3, { timeouts });
    const leader = await running.leader();
    await Promise.all(running.nodes.filter((node) => node !== leader).map((node) => node.close()));
    await expect(leader.db.put("key", "value")).rejects.toMatchObject({ code: "UNKNOWN" });
    await eventually("the leader to step down", async () => {
      return (await leader.status()).leader === undefined;
    });
    await expect(leader.db.put("key", "value")).rejects.toMatchObject({ code: "NOT_COMMITTED" });
    await expect(leader.db.get("key")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("proposals that wait are bounded in bytes", async () => {
    const running = await start(3, {
      timeouts: { proposalMs: 60_000, readMs: 60_000 },
      limits: {
        maxKeyBytes: 1_000,
        maxValueBytes: 10_000,
        maxBatchBytes: 20_000,
        maxPendingBytes: 100_000,
      },
    });
    const leader = await running.leader();
    await Promise.all(running.nodes.filter((node) => node !== leader).map((node) => node.close()));
    const outcomes = Array.from({ length: 20 }, () => leader.db.put("key", "v".repeat(9_000)));
    const settling = Promise.allSettled(outcomes);
    await expect(outcomes.at(-1)).rejects.toMatchObject({ code: "OVERLOADED" });
    const { pendingBytes } = await leader.status();
    expect(pendingBytes).toBeGreaterThan(50_000);
    expect(pendingBytes).toBeLessThanOrEqual(100_000);
    await leader.close();
    const settled = await settling;
    expect(settled.every(({ status }) => status === "rejected")).toBe(true);
  });
});

test("every proposal settles exactly once, whatever happens to its node", async () => {
  const running = await start(3);
  const leader = await running.leader();
  const outcomes: Promise<unknown>[] = [];
  const settled: number[] = [];
  for (const node of running.nodes) {
    for (let i = 0; i < 200; i++) {
      const position = outcomes.length;
      settled.push(0);
      const count = (): void => {
        settled[position] = (settled[position] ?? 0) + 1;
      };
      const write = node.db.put(`${node.id}/${i}`, String(i));
      outcomes.push(write.then(count, count));
    }
  }
  await leader.close();
  await Promise.all(outcomes);
  expect(settled.every((times) => times === 1)).toBe(true);
});

test("a closed node rejects with CLOSED what it never handed over", async () => {
  const running = await start(1);
  const node = running.node(1);
  const propose = node.propose({ kind: 0x40, body: Buffer.from([1, 0, 0, 0, 97, 98]) });
  const closing = node.close();
  await expect(propose).rejects.toBeInstanceOf(HoldfastError);
  await closing;
  await expect(node.propose({ kind: 0x40, body: Buffer.alloc(5) })).rejects.toMatchObject({
    code: "CLOSED",
  });
  expect((await node.status()).state).toBe("closed");
});

test("1,000 concurrent proposals need at most ten syncs (O10)", async () => {
  const running = await start(1);
  const node = running.node(1);
  await node.db.put("first", "1");
  const before = (await node.status()).disk.syncs;
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => node.db.put(`key-${i}`, "value")));
  expect((await node.status()).disk.syncs - before).toBeLessThanOrEqual(10);
});

test("a listener that throws is an uncaught exception of its owner, and stops nothing", async () => {
  const running = new Cluster();
  cluster = running;
  await running.reserve(1);
  const node = running.create(1);
  const uncaught: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const note = (error: unknown): void => {
    uncaught.push(error);
  };
  process.on("uncaughtException", note);
  try {
    node.events.on("leader", () => {
      throw new Error("of the listener");
    });
    await node.open();
    await node.db.put("key", "value");
  } finally {
    process.off("uncaughtException", note);
    for (const listener of others) process.on("uncaughtException", listener);
  }
  expect((await node.status()).state).toBe("open");
  expect(uncaught[0]).toMatchObject({ message: "of the listener" });
});
