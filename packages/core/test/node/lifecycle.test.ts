import { readdirSync } from "node:fs";
import path from "node:path";
import { nodeClock, type Platform } from "@holdfast/platform";
import { afterEach, describe, expect, test } from "vitest";
import { createNode, type DatabaseNode, openMachine, openNode } from "../../src/index.ts";
import { kvMachine } from "../../src/kv/kv-machine.ts";
import { childPrograms } from "../children/spawn.ts";
import { Cluster, eventually } from "./cluster-fixture.ts";

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

async function stateOf(node: DatabaseNode): Promise<string> {
  return (await node.status()).state;
}

/** A clock that knows which of its timers are pending. */
function countingClock(): { readonly clock: Platform["clock"]; readonly pending: () => number } {
  const real = nodeClock();
  const pending = new Set<object>();
  return {
    pending: () => pending.size,
    clock: {
      now: () => real.now(),
      wallTime: () => real.wallTime(),
      setTimer: (delayMs, callback) => {
        const token = {};
        pending.add(token);
        const timer = real.setTimer(delayMs, () => {
          pending.delete(token);
          callback();
        });
        return {
          cancel: () => {
            pending.delete(token);
            timer.cancel();
          },
        };
      },
    },
  };
}

describe("open and close", () => {
  test("are idempotent, and so are many at once", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    const node = running.create(1);
    await node.close();
    expect(await stateOf(node)).toBe("closed");
    await Promise.all([node.open(), node.db.open(), node.open()]);
    await node.open();
    expect(await stateOf(node)).toBe("open");
    await node.db.put("key", "value");
    await Promise.all([node.close(), node.db.close(), node.close()]);
    await node.close();
    expect(await stateOf(node)).toBe("closed");
  });

  test("take turns in the order of the calls, whatever was under way", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    const node = running.create(1);
    const results = await Promise.allSettled([
      node.open(),
      node.close(),
      node.open(),
      node.close(),
      node.open(),
    ]);
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 5 }, () => "fulfilled"),
    );
    await node.open();
    await node.db.put("key", "value");
    const closing = node.close();
    expect(await stateOf(node)).not.toBe("stopped");
    await closing;
    await node.open();
    expect(await node.db.get("key")).toBe("value");
  });

  test("of a node with a state machine of its own do the same", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    const node = await openMachine({ ...running.options(1), machine: kvMachine() });
    await Promise.all([node.open(), node.close(), node.open()]);
    await node.propose({ kind: 0x41, body: Buffer.from("key") });
    await Promise.all([node.close(), node.close()]);
    expect((await node.status()).state).toBe("closed");
  });

  test("close ends a node at the end of its scope", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    let outer: DatabaseNode;
    {
      await using node = await openNode(running.options(1));
      await node.db.put("key", "value");
      outer = node;
    }
    expect(await stateOf(outer)).toBe("closed");
    await using again = await openNode(running.options(1));
    expect(await again.db.get("key")).toBe("value");
  });

  test("opening fails without a trace: the same object can be opened once the reason is gone", async () => {
    const running = await start(1);
    const second = createNode({ ...running.options(1), listen: "127.0.0.1:0" });
    await expect(second.open()).rejects.toMatchObject({ code: "LOCKED" });
    await expect(second.db.open()).rejects.toMatchObject({
      code: "LEVEL_DATABASE_NOT_OPEN",
      cause: { code: "LOCKED" },
    });
    await running.node(1).close();
    await second.open();
    await second.db.put("key", "value");
    await second.close();
  });

  test("using the database opens its node", async () => {
    const running = new Cluster();
    cluster = running;
    await running.reserve(1);
    const node = running.create(1);
    await node.db.put("key", "value");
    expect(await stateOf(node)).toBe("open");
  });

  test("status answers all the time", async () => {
    const running = await start(1);
    const node = running.node(1);
    const enough = new AbortController();
    const asking = (async () => {
      const seen = new Set<string>();
      while (!enough.signal.aborted) {
        seen.add(await stateOf(node));
        // A closed node answers in the same turn: the rest of the process needs one, too.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return seen;
    })();
    for (let i = 0; i < 3; i++) {
      await node.close();
      await node.open();
      await node.db.put("key", "value");
    }
    enough.abort();
    expect(await asking).toEqual(new Set(["open", "closed"]));
  });
});

describe("close does not wait for what nobody can answer", () => {
  // So long that a close which waits for them fails the test.
  const timeouts = { proposalMs: 600_000, readMs: 600_000 };

  test("reads and writes that are under way are rejected, each with its reason", async () => {
    const running = await start(3, { timeouts });
    const leader = await running.leader();
    await leader.db.put("key", "value");
    await Promise.all(running.nodes.filter((node) => node !== leader).map((node) => node.close()));
    // Before the iterator: writes wait behind what an iterator of this node has not confirmed yet.
    const put = leader.db.put("key", "other");
    const iterator = leader.db.iterator();
    const snapshot = leader.db.snapshot();
    const work: Readonly<Record<string, Promise<unknown>>> = {
      put,
      get: leader.db.get("key"),
      has: leader.db.has("key"),
      next: iterator.next(),
      all: leader.db.keys().all(),
      ofSnapshot: leader.db.get("key", { snapshot }),
      barrier: leader.readBarrier(),
      commits: leader.commits({ from: 1_000 }).next(),
      add: leader.members.add({ id: 9, address: "127.0.0.1:1" }),
    };
    const codes = Object.entries(work).map(async ([name, promise]) => {
      try {
        await promise;
        return [name, "resolved"] as const;
      } catch (error) {
        return [name, (error as { readonly code: string }).code] as const;
      }
    });
    await eventually(
      "the write to be appended",
      async () => (await leader.status()).pendingBytes > 0,
    );
    await leader.close();
    expect(Object.fromEntries(await Promise.all(codes))).toEqual({
      put: "UNKNOWN",
      get: "CLOSED",
      has: "CLOSED",
      next: "CLOSED",
      all: "CLOSED",
      ofSnapshot: "CLOSED",
      barrier: "CLOSED",
      commits: "CLOSED",
      add: "UNKNOWN",
    });
    // What was appended without a quorum may take effect or not; all that was acknowledged is there.
    await Promise.all(running.nodes.map((node) => node.open()));
    for (const node of running.nodes) expect(await node.db.has("key")).toBe(true);
  });

  test("nor for an open", async () => {
    const running = new Cluster({ timeouts });
    cluster = running;
    await running.reserve(3);
    // One of three: it opens and never has a leader.
    const node = running.create(1);
    const opening = node.open();
    const read = node.db.get("key");
    const refused = expect(read).rejects.toMatchObject({
      code: expect.stringMatching(/^(CLOSED|LEVEL_DATABASE_NOT_OPEN)$/) as string,
    });
    await node.close();
    await opening;
    await refused;
    expect(await stateOf(node)).toBe("closed");
  });
});

describe("after close nothing is left", () => {
  test("no timer, no lock, no file that the next open would not know", async () => {
    const { clock, pending } = countingClock();
    // Ticks of five seconds: a timer that is left behind does not run out before it is looked for.
    const raft = { heartbeatMs: 5_000, electionMinMs: 1_000_000, electionMaxMs: 2_000_000 };
    const running = await start(3, { platform: { clock }, raft });
    await Promise.all(running.nodes.map((node) => node.db.put(`key-${node.id}`, "value")));
    expect(pending()).toBeGreaterThan(0);
    await Promise.all(running.nodes.map((node) => node.close()));
    expect(pending()).toBe(0);
    const { directory } = running.options(1);
    expect(readdirSync(directory).sort()).toEqual([
      "CURRENT",
      "identity",
      "lock",
      "peers",
      "store-1",
      "wal",
    ]);
    const wal = readdirSync(path.join(directory, "wal"));
    expect(wal.filter((name) => !name.endsWith(".seg"))).toEqual([]);
    // The lock is free: another object takes it at once.
    const other = createNode(running.options(1));
    await other.open();
    await other.close();
  });

  test.each([
    ["write", "closed\n"],
    ["no quorum", "closed, put CLOSED, get CLOSED, next CLOSED\n"],
  ])("%s: a process that closed its node ends by itself", async (use, said) => {
    const running = new Cluster();
    cluster = running;
    const child = runChild("use-node", path.join(running.root, "data"), use);
    expect(sorted(await child.ended())).toBe(sorted(said));
  });

  test.runIf(process.platform === "linux")(
    "50 opens and closes leave no file descriptor and no thread behind",
    async () => {
      const running = await start(1);
      const node = running.node(1);
      const count = (of: "fd" | "task"): number => readdirSync(`/proc/self/${of}`).length;
      const cycle = async (): Promise<void> => {
        await node.close();
        await node.open();
        await node.db.put("key", "value");
      };
      // Node's own pool and what is loaded at the first use come before the count.
      for (let i = 0; i < 3; i++) await cycle();
      await node.close();
      const before = { fd: count("fd"), task: count("task") };
      for (let i = 0; i < 50; i++) await cycle();
      await node.close();
      // Threads and sockets that ended are reaped a little later.
      await eventually("everything to be gone", () => {
        return count("fd") <= before.fd && count("task") <= before.task;
      });
    },
    60_000,
  );
});

function sorted(line: string): string {
  return line.trim().split(", ").sort().join(", ");
}
