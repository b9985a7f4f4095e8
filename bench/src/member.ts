// One member of a cluster, in a process of its own: opens a node and does what the main program asks.
import { openNode, type DatabaseNode } from "@holdfast/core";
import type { NodeSettings } from "@holdfast/core";
import { closedLoop, load } from "./closed-loop.ts";
import { keyOf, valueOf } from "./rows.ts";
import type { Answer, Request, Tasks } from "./tasks.ts";

type Node = DatabaseNode<string, Buffer>;

let opened: Node | undefined;

async function open(settings: NodeSettings): Promise<Node> {
  opened = await openNode<string, Buffer>({ ...settings, database: { valueEncoding: "buffer" } });
  return opened;
}

function node(): Node {
  if (opened === undefined) throw new Error("open first");
  return opened;
}

async function putRow(row: number, valueBytes: number): Promise<void> {
  await node().db.put(keyOf(row), valueOf(row, valueBytes));
}

const tasks: Tasks = {
  async open(settings) {
    await open(settings);
  },

  async reopen({ settings, probe }) {
    const startedAt = performance.now();
    const { db } = await open(settings);
    const openedAt = performance.now();
    const value = await db.get(keyOf(probe.firstKey));
    const servedAt = performance.now();
    if (value?.equals(valueOf(probe.firstKey, probe.valueBytes)) !== true) {
      throw new Error(`row (${probe.firstKey}) is not what was put`);
    }
    return { opened: openedAt - startedAt, served: servedAt - startedAt };
  },

  async load(plan) {
    return await load(plan, (row) => putRow(row, plan.valueBytes));
  },

  async fill({ firstKey, count, valueBytes, inFlight }) {
    const end = firstKey + count;
    let next = firstKey;
    await closedLoop(
      inFlight,
      () => next < end,
      () => putRow(next++, valueBytes),
    );
  },

  async put({ firstKey, count, valueBytes }) {
    await Promise.all(Array.from({ length: count }, (_, i) => putRow(firstKey + i, valueBytes)));
  },

  async missing({ acknowledged, valueBytes }) {
    const left = new Map([...acknowledged].map((row) => [keyOf(row), row]));
    for await (const [key, value] of node().db.iterator()) {
      const row = left.get(key);
      if (row !== undefined && value.equals(valueOf(row, valueBytes))) left.delete(key);
    }
    return [...left.values()];
  },

  async status() {
    return await node().status();
  },

  processorTime() {
    const { user, system } = process.cpuUsage();
    return Promise.resolve({ user: user / 1e6, system: system / 1e6 });
  },

  async close() {
    await opened?.close();
    opened = undefined;
  },
};

async function answer({ id, task, argument }: Request): Promise<Answer> {
  try {
    // The sender's types say that the argument is the task's.
    const result = await (tasks[task] as (argument: unknown) => Promise<unknown>)(argument);
    return { id, result };
  } catch (error) {
    return { id, failure: String(error) };
  }
}

process.on("message", (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});

// Without its main program a member has nobody to serve.
process.on("disconnect", () => {
  void opened?.close();
});
// Ctrl-C reaches every process of the terminal; the main program decides what happens then.
process.on("SIGINT", () => undefined);
