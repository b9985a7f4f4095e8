import { describe, expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { decodeCommand } from "../../src/kv/kv-commands.ts";
import type { Command } from "../../src/format/sealed-batch.ts";
import { databaseFixture } from "./database-fixture.ts";
import type { MachinePort } from "./machine-port.ts";

const open = databaseFixture();

/** Records the commands that are proposed from here on. */
function record(port: MachinePort): Command[] {
  const commands: Command[] = [];
  const propose = port.propose.bind(port);
  port.propose = (command) => {
    commands.push({ kind: command.kind, body: Buffer.from(command.body) });
    return propose(command);
  };
  return commands;
}

describe("put, del and batch", () => {
  test("are one command each, proposed in the turn and the order of the calls", async () => {
    const { db, port } = await open();
    const commands = record(port);
    await Promise.all([
      db.put("a", "1"),
      db.put("b", "2"),
      db.del("a"),
      db.batch([
        { type: "del", key: "b" },
        { type: "put", key: "c", value: "3" },
      ]),
      db.batch().put("d", "4").del("c").write(),
    ]);
    expect(commands.map((command) => decodeCommand(command).type)).toEqual([
      "put",
      "put",
      "delete",
      "batch",
      "batch",
    ]);
    expect(port.counts).toMatchObject({ commands: 5, entries: 1 });
    expect(await db.iterator().all()).toEqual([["d", "4"]]);
  });

  test("a batch across sublevels is one command, each key under its prefix", async () => {
    const { db, port } = await open();
    const left = db.sublevel("left");
    const right = db.sublevel("right");
    const inner = db.sublevel<string, unknown>(["right", "inner"], { valueEncoding: "json" });
    await inner.open();
    port.resetCounts();
    await db.batch<string, unknown>(
      [
        { type: "put", sublevel: left, key: "k", value: "l" },
        { type: "put", sublevel: right, key: "k", value: "r" },
        { type: "put", sublevel: inner, key: "k", value: { i: 1 } },
        { type: "put", key: "k", value: "root" },
      ],
      {},
    );
    expect(port.counts).toMatchObject({ commands: 1, entries: 1 });
    expect(await left.get("k")).toBe("l");
    expect(await right.get("k")).toBe("r");
    expect(await inner.get("k")).toEqual({ i: 1 });
    expect(await db.keys().all()).toEqual(["!left!k", "!right!!inner!k", "!right!k", "k"]);
    await right.clear();
    expect(await db.keys().all()).toEqual(["!left!k", "k"]);
  });

  test("a sublevel of another database is refused, and nothing is written", async () => {
    const { db, port } = await open();
    const { db: other } = await open();
    const sublevel = other.sublevel("s");
    await sublevel.open();
    port.resetCounts();
    const operations = [{ type: "put", sublevel, key: "k", value: "v" }] as never[];
    await expect(db.batch(operations)).rejects.toThrow(TypeError);
    expect(port.counts.commands).toBe(0);
  });

  test("buffers may be reused as soon as the call has returned", async () => {
    const { db } = await open();
    const options = { keyEncoding: "buffer", valueEncoding: "buffer" } as const;
    const key = Buffer.from("k1");
    const value = Buffer.from("v1");
    const put = db.put<Buffer, Buffer>(key, value, options);
    key.write("k2");
    value.write("v2");
    const batch = db.batch<Buffer, Buffer>([{ type: "put", key, value }], options);
    key.write("k3");
    value.write("v3");
    await Promise.all([put, batch]);
    expect(await db.iterator().all()).toEqual([
      ["k1", "v1"],
      ["k2", "v2"],
    ]);
    key.write("k1");
    const del = db.del<Buffer>(key, options);
    key.write("k2");
    await del;
    expect(await db.keys().all()).toEqual(["k2"]);
  });

  test("hooks and events see what was acknowledged", async () => {
    const { db, port } = await open();
    const events: unknown[] = [];
    db.hooks.prewrite.add((operation: { type: string; key: string }, batch) => {
      if (operation.type === "put")
        batch.add({ type: "put", key: `index-${operation.key}`, value: "" });
    });
    db.on("write", (operations: { key: string }[]) => {
      events.push(operations.map(({ key }) => key));
    });
    db.on("clear", () => events.push("clear"));
    await db.put("a", "1");
    port.refusal = new HoldfastError("UNKNOWN", "the deadline passed");
    await expect(db.put("b", "1")).rejects.toBe(port.refusal);
    port.refusal = undefined;
    await db.clear();
    expect(events).toEqual([["a", "index-a"], "clear"]);
    expect(port.counts.commands).toBe(2);
  });
});

describe("limits", () => {
  test("what is too large is refused before anything is proposed", async () => {
    const { db, port } = await open();
    port.limits = { ...port.limits, maxKeyBytes: 8, maxValueBytes: 16, maxBatchBytes: 40 };
    const tooLarge = (what: string): object =>
      expect.objectContaining({
        code: "TOO_LARGE",
        message: expect.stringContaining(what) as string,
      }) as object;
    await expect(db.put("k".repeat(9), "")).rejects.toEqual(tooLarge("key of (9) bytes"));
    await expect(db.put("é".repeat(5), "")).rejects.toEqual(tooLarge("key of (10) bytes"));
    await expect(db.put("k", "v".repeat(17))).rejects.toEqual(tooLarge("maxValueBytes (16)"));
    await expect(db.del("k".repeat(9))).rejects.toEqual(tooLarge("maxKeyBytes (8)"));
    const batch = db.batch();
    for (const key of ["a", "b", "c"]) batch.put(key, "v".repeat(13));
    await expect(batch.write()).rejects.toEqual(tooLarge("batch of (42) bytes"));
    await expect(
      db.batch([
        { type: "put", key: "a", value: "1" },
        { type: "put", key: "b", value: "v".repeat(17) },
      ]),
    ).rejects.toEqual(tooLarge("value of (17) bytes"));
    expect(port.counts.commands).toBe(0);
    await db.put("k".repeat(8), "v".repeat(16));
    expect(await db.get("k".repeat(8))).toBe("v".repeat(16));
  });
});

describe("clear", () => {
  const key = (i: number): string => i.toString().padStart(5, "0");

  async function filled(count: number): Promise<Awaited<ReturnType<typeof open>>> {
    const opened = await open();
    const puts = Array.from({ length: count }, (_, i) => ({
      type: "put" as const,
      key: key(i),
      value: "",
    }));
    await opened.db.batch(puts);
    opened.port.resetCounts();
    return opened;
  }

  test("removes a long range by commands of bounded length", async () => {
    const { db, port } = await filled(10_000);
    const commands = record(port);
    await db.clear({ gte: key(10), lt: key(9_990) });
    expect(commands).toHaveLength(3);
    const keys = await db.keys().all();
    expect(keys).toHaveLength(20);
    expect(keys.slice(9, 11)).toEqual([key(9), key(9_990)]);
  });

  test("honours limit and order across commands", async () => {
    const { db, port } = await filled(10_000);
    await db.clear({ limit: 5_000, reverse: true });
    expect(port.counts.commands).toBe(2);
    const rest = await db.keys().all();
    expect(rest).toHaveLength(5_000);
    expect(rest.at(-1)).toBe(key(4_999));
    await db.clear({ limit: 4_096 });
    expect(await db.keys({ limit: 1 }).all()).toEqual([key(4_096)]);
    port.resetCounts();
    await db.clear({ limit: 0 });
    expect(port.counts.commands).toBe(0);
  });

  test("leaves what was written behind its first command", async () => {
    const { db, port } = await filled(10_000);
    const propose = port.propose.bind(port);
    let writes: Promise<unknown> | undefined;
    port.propose = async (command) => {
      const result = await propose(command);
      port.propose = propose;
      writes = Promise.all([db.put(key(9_000), "later"), db.put(key(9_000) + "x", "new")]);
      await writes;
      return result;
    };
    await db.clear();
    await writes;
    expect(await db.iterator().all()).toEqual([
      [key(9_000), "later"],
      [key(9_000) + "x", "new"],
    ]);
  });

  test("of a snapshot removes its keys and no others, in batches within the limit", async () => {
    const { db, port } = await filled(100);
    const snapshot = db.snapshot();
    await db.put(key(50), "overwritten");
    await db.put("later", "");
    port.limits = { ...port.limits, maxBatchBytes: 50 };
    port.resetCounts();
    await db.clear({ snapshot, gte: key(10), limit: 80, reverse: true });
    expect(port.counts.commands).toBe(8);
    const rest = await db.keys().all();
    expect(rest).toEqual([...Array.from({ length: 20 }, (_, i) => key(i)), "later"]);
    await snapshot.close();
  });

  test("ends with the failure of a command", async () => {
    const { db, port } = await filled(10);
    port.refusal = new HoldfastError("NOT_COMMITTED", "the leader changed");
    await expect(db.clear()).rejects.toBe(port.refusal);
  });
});
