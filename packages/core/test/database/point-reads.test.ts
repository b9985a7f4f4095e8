import { describe, expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { PointReads, type PointStore } from "../../src/database/point-reads.ts";
import { putCommand } from "../../src/kv/kv-commands.ts";
import { databaseFixture, deferred, type Deferred } from "./database-fixture.ts";

const open = databaseFixture();

describe("reads of one key and of many", () => {
  test("those of one turn share one round and one call to the store", async () => {
    const { db, port } = await open();
    await db.batch([
      { type: "put", key: "a", value: "1" },
      { type: "put", key: "b", value: "2" },
    ]);
    port.resetCounts();
    const gets = Array.from({ length: 100 }, (_, i) => db.get(i % 2 === 0 ? "a" : "b"));
    const many = db.getMany(["b", "none", "a"]);
    const has = Promise.all([db.has("a"), db.has("none")]);
    const hasMany = db.hasMany(["none", "b"]);
    expect(await Promise.all(gets)).toEqual(gets.map((_, i) => (i % 2 === 0 ? "1" : "2")));
    expect(await many).toEqual(["2", undefined, "1"]);
    expect(await has).toEqual([true, false]);
    expect(await hasMany).toEqual([false, true]);
    expect(port.counts).toMatchObject({ barriers: 1, getMany: 1, hasMany: 1, commands: 0 });
  });

  test("a read waits until this node has applied what was acknowledged elsewhere", async () => {
    const { db, port } = await open();
    await db.put("a", "old");
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("a"), Buffer.from("new")));
    const order: string[] = [];
    const read = db.get("a").then((value) => order.push(`read ${String(value)}`));
    await new Promise(setImmediate);
    order.push("catch up");
    port.catchUp();
    await read;
    expect(order).toEqual(["catch up", "read new"]);
  });

  test("a read does not join a round that began before it", async () => {
    const { db, port } = await open();
    const rounds: Deferred[] = [];
    port.round = () => {
      const round = deferred();
      rounds.push(round);
      return round.promise;
    };
    const early = db.get("a");
    await new Promise(setImmediate);
    await db.put("a", "1");
    const order: string[] = [];
    const late = db.get("a").then((value) => order.push(`late ${String(value)}`));
    await new Promise(setImmediate);
    expect(rounds).toHaveLength(2);
    rounds[0]!.resolve();
    await early;
    order.push("early");
    rounds[1]!.resolve();
    await late;
    expect(order).toEqual(["early", "late 1"]);
  });

  test("a read is repeated when its store was replaced under it", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const old = port.reader.bind(port);
    let switching: Promise<void> | undefined;
    port.reader = () => ({
      ...old(),
      getMany: async () => {
        port.reader = old;
        await (switching = port.switchState());
        throw new Error("the store is closed");
      },
    });
    expect(await db.get("a")).toBe("1");
    expect(switching).toBeDefined();
    await switching;
  });

  test("a failure of the round reaches every read that waited for it", async () => {
    const { db, port } = await open();
    port.refusal = new HoldfastError("UNAVAILABLE", "no quorum answered", { cause: "deadline" });
    const outcomes = await Promise.allSettled([db.get("a"), db.has("a"), db.getMany(["a", "b"])]);
    for (const outcome of outcomes) {
      expect(outcome).toEqual({ status: "rejected", reason: port.refusal });
    }
    port.refusal = undefined;
    expect(await db.get("a")).toBeUndefined();
  });

  test("a consistency level is refused rather than ignored", async () => {
    const { db } = await open();
    const options: object = { consistency: "stale" };
    await expect(db.get("a", options)).rejects.toThrow(TypeError);
    await expect(db.getMany(["a"], options)).rejects.toThrow(TypeError);
    await expect(db.has("a", options)).rejects.toThrow(TypeError);
    await expect(db.hasMany(["a"], options)).rejects.toThrow(TypeError);
    await expect(db.sublevel("s").get("a", options)).rejects.toThrow(TypeError);
    expect(() => db.iterator(options)).toThrow(TypeError);
    expect(() => db.keys(options)).toThrow(TypeError);
    expect(() => db.values(options)).toThrow(TypeError);
    expect(() => db.snapshot(options)).toThrow(TypeError);
  });

  test("closing waits for reads in the store, and ends those that wait for a round", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const reader = port.reader.bind(port);
    const inStore = deferred();
    const release = deferred();
    port.reader = () => ({
      ...reader(),
      getMany: async (keys) => {
        inStore.resolve();
        await release.promise;
        return reader().getMany(keys);
      },
    });
    const served = db.get("a");
    await inStore.promise;
    const round = deferred();
    port.round = () => round.promise;
    const waiting = db.get("a");
    const closing = db.close();
    round.resolve();
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED" });
    release.resolve();
    expect(await served).toBe("1");
    await closing;
    await expect(db.get("a")).rejects.toMatchObject({ code: "LEVEL_DATABASE_NOT_OPEN" });
    port.reader = reader;
    await db.open();
    expect(await db.get("a")).toBe("1");
  });
});

describe("PointReads", () => {
  /** A store whose calls end when the test says so. */
  function slowStore(): { store: PointStore; calls: { keys: number; end: Deferred }[] } {
    const calls: { keys: number; end: Deferred }[] = [];
    const getMany = async (keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> => {
      const end = deferred();
      calls.push({ keys: keys.length, end });
      await end.promise;
      return keys.map((key) => Buffer.from(key));
    };
    return { calls, store: { getMany, hasMany: () => Promise.reject(new Error("not used")) } };
  }

  test("few calls are outstanding, and what waits goes together", async () => {
    const { store, calls } = slowStore();
    const reads = new PointReads({
      ready: () => Promise.resolve(),
      store: () => store,
      generation: () => 0,
    });
    const answers: Promise<unknown>[] = [];
    for (let i = 0; i < 10; i++) {
      answers.push(reads.getMany([Buffer.from([i])]));
      await new Promise(setImmediate);
    }
    expect(calls.map(({ keys }) => keys)).toEqual([1, 1]);
    calls[0]!.end.resolve();
    await answers[0];
    await new Promise(setImmediate);
    expect(calls.map(({ keys }) => keys)).toEqual([1, 1, 8]);
    const closed = reads.close();
    for (const { end } of calls) end.resolve();
    expect(await Promise.all(answers)).toEqual(answers.map((_, i) => [Buffer.from([i])]));
    await closed;
  });

  test("what one round lets through goes together, whenever in the turn it was asked for", async () => {
    const { store, calls } = slowStore();
    const round = deferred();
    let rounds = 0;
    const reads = new PointReads({
      ready: () => {
        rounds++;
        return round.promise;
      },
      store: () => store,
      generation: () => 0,
    });
    const answers: Promise<unknown>[] = [];
    for (let i = 0; i < 3; i++) {
      answers.push(reads.getMany([Buffer.from([i])]));
      await Promise.resolve();
    }
    round.resolve();
    await new Promise(setImmediate);
    expect(rounds).toBe(3);
    expect(calls.map(({ keys }) => keys)).toEqual([3]);
    calls[0]!.end.resolve();
    expect(await Promise.all(answers)).toEqual(answers.map((_, i) => [Buffer.from([i])]));
  });

  test("a call to the store is bounded, a single read is not cut", async () => {
    const { store, calls } = slowStore();
    const reads = new PointReads({
      ready: () => Promise.resolve(),
      store: () => store,
      generation: () => 0,
    });
    const keys = (count: number): Buffer[] => Array.from({ length: count }, () => Buffer.alloc(1));
    const answers = [
      reads.getMany(keys(5_000)),
      reads.getMany(keys(3_000)),
      reads.getMany(keys(2_000)),
    ];
    await new Promise(setImmediate);
    calls[0]!.end.resolve();
    await answers[0];
    await new Promise(setImmediate);
    expect(calls.map(({ keys: count }) => count)).toEqual([5_000, 3_000, 2_000]);
    for (const { end } of calls) end.resolve();
    expect((await Promise.all(answers)).map((values) => values.length)).toEqual([
      5_000, 3_000, 2_000,
    ]);
  });

  test("a failing store fails the reads of the call, and the next call is made", async () => {
    let failing = true;
    const store: PointStore = {
      getMany: (keys) =>
        failing ? Promise.reject(new Error("disk")) : Promise.resolve(keys.map(() => undefined)),
      hasMany: (keys) => Promise.resolve(keys.map(() => false)),
    };
    const reads = new PointReads({
      ready: () => Promise.resolve(),
      store: () => store,
      generation: () => 0,
    });
    const outcomes = await Promise.allSettled([
      reads.getMany([Buffer.alloc(1)]),
      reads.getMany([Buffer.alloc(1)]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    failing = false;
    expect(await reads.getMany([Buffer.alloc(1)])).toEqual([undefined]);
  });
});
