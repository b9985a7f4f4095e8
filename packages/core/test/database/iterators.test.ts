import { describe, expect, test, vi } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { putCommand } from "../../src/kv/kv-commands.ts";
import { databaseFixture, deferred, type OpenDatabase } from "./database-fixture.ts";

const openEmpty = databaseFixture();

async function open(): Promise<OpenDatabase> {
  const opened = await openEmpty();
  await opened.db.batch(["a", "b", "c"].map((key) => ({ type: "put", key, value: `${key}1` })));
  opened.port.resetCounts();
  return opened;
}

describe("an iterator on a replica that is up to date", () => {
  test("shows the state of the call and takes one round without waiting", async () => {
    const { db, port } = await open();
    const iterator = db.iterator();
    await db.put("b", "later");
    await db.del("c");
    expect(await iterator.all()).toEqual([
      ["a", "a1"],
      ["b", "b1"],
      ["c", "c1"],
    ]);
    expect(port.counts).toMatchObject({ readIndexes: 1, barriers: 0 });
    expect(port.openCaptures).toBe(0);
  });

  test("reads nothing that was not asked for", async () => {
    const { db } = await open();
    expect(await db.keys({ gt: "a" }).all()).toEqual(["b", "c"]);
    expect(await db.values({ lt: "c", reverse: true }).all()).toEqual(["b1", "a1"]);
    expect(await db.iterator({ keys: false, limit: 1 }).all()).toEqual([[undefined, "a1"]]);
    expect(await db.iterator({ values: false, gte: "c" }).all()).toEqual([["c", undefined]]);
  });

  test("loses no entry and no place when single steps, long ones and seeks alternate", async () => {
    const { db, port } = await open();
    const keys = Array.from({ length: 2_500 }, (_, i) => i.toString().padStart(4, "0"));
    await db.batch(keys.map((key) => ({ type: "put", key, value: "" })));
    const iterator = db.keys({ lt: "a" });
    const seen = [await iterator.next(), await iterator.next(), ...(await iterator.nextv(3))];
    for (let i = 0; i < 1_200; i++) seen.push(await iterator.next());
    for (let more = await iterator.nextv(400); more.length > 0; more = await iterator.nextv(400)) {
      seen.push(...more);
    }
    expect(seen).toEqual(keys);
    iterator.seek("1000");
    expect([await iterator.next(), await iterator.next()]).toEqual(["1000", "1001"]);
    iterator.seek("0010");
    expect(await iterator.nextv(2)).toEqual(["0010", "0011"]);
    await iterator.close();
    expect(port.openCaptures).toBe(0);
  });

  test("shows nothing before its round has ended", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const order: string[] = [];
    const iterator = db.keys();
    const shown = iterator.next().then((key) => order.push(`shown ${String(key)}`));
    await new Promise(setImmediate);
    order.push("round");
    round.resolve();
    await shown;
    expect(order).toEqual(["round", "shown a"]);
    await iterator.close();
  });
});

describe("an iterator on a replica that lags", () => {
  test("captures again before it shows anything", async () => {
    const { db, port } = await open();
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("b"), Buffer.from("elsewhere")));
    const iterator = db.iterator();
    const all = iterator.all();
    await new Promise(setImmediate);
    port.catchUp();
    expect(await all).toEqual([
      ["a", "a1"],
      ["b", "elsewhere"],
      ["c", "c1"],
    ]);
    expect(port.counts).toMatchObject({ readIndexes: 1, barriers: 1 });
    expect(port.openCaptures).toBe(0);
  });

  test("keeps the place that was sought meanwhile", async () => {
    const { db, port } = await open();
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("bb"), Buffer.from("new")));
    const iterator = db.keys();
    iterator.seek("b");
    const first = iterator.next();
    port.catchUp();
    expect(await first).toBe("b");
    expect(await iterator.next()).toBe("bb");
    iterator.seek("a");
    expect(await iterator.nextv(10)).toEqual(["a", "b", "bb", "c"]);
    await iterator.close();
  });

  test("fails for good when nobody can say how recent its state is", async () => {
    const { db, port } = await open();
    const refusal = new HoldfastError("UNAVAILABLE", "no quorum answered");
    port.refusal = refusal;
    const iterator = db.keys();
    await expect(iterator.next()).rejects.toBe(refusal);
    port.refusal = undefined;
    await db.put("aa", "later");
    await expect(iterator.next()).rejects.toBe(refusal);
    await iterator.close();
    expect(await db.keys().all()).toEqual(["a", "aa", "b", "c"]);
    expect(port.openCaptures).toBe(0);
  });
});

describe("writes of the same database behind an iterator", () => {
  test("are not shown, however late its round", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const iterator = db.iterator({ gte: "b" });
    const writes = [db.put("b", "later"), db.del("c"), db.batch().put("d", "later").write()];
    await new Promise(setImmediate);
    expect(port.counts.commands).toBe(0);
    round.resolve();
    await Promise.all(writes);
    expect(port.counts).toMatchObject({ commands: 3, entries: 1 });
    expect(await iterator.all()).toEqual([
      ["b", "b1"],
      ["c", "c1"],
    ]);
    expect(await db.iterator({ gte: "b" }).all()).toEqual([
      ["b", "later"],
      ["d", "later"],
    ]);
  });

  test("are not shown when it captures again", async () => {
    const { db, port } = await open();
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("b"), Buffer.from("elsewhere")));
    const iterator = db.iterator();
    const write = db.put("b", "later");
    await new Promise(setImmediate);
    port.catchUp();
    await write;
    expect(await iterator.next()).toEqual(["a", "a1"]);
    expect(await iterator.next()).toEqual(["b", "elsewhere"]);
    await iterator.close();
  });

  test("keep their order among themselves", async () => {
    const { db, port } = await open();
    const rounds = [deferred(), deferred()];
    let next = 0;
    port.round = () => rounds[next++]!.promise;
    const first = db.keys();
    const writes = [db.put("k", "1")];
    const second = db.keys();
    writes.push(db.put("k", "2"));
    rounds[1]!.resolve();
    await second.next();
    writes.push(db.put("k", "3"));
    expect(port.counts.commands).toBe(0);
    rounds[0]!.resolve();
    await first.next();
    writes.push(db.put("k", "4"));
    await Promise.all(writes);
    port.round = undefined;
    expect(await db.get("k")).toBe("4");
    expect(await first.all()).toEqual(["b", "c"]);
    expect(await second.all()).toEqual(["b", "c"]);
  });

  test("go on when its round fails, or when it was closed", async () => {
    const { db, port } = await open();
    port.round = () => Promise.reject(new HoldfastError("UNAVAILABLE", "no quorum answered"));
    const failing = db.keys();
    await db.put("d", "1");
    await failing.close();
    const round = deferred();
    port.round = () => round.promise;
    const closed = db.keys();
    const write = db.put("e", "1");
    await closed.close();
    round.resolve();
    await write;
    port.round = undefined;
    expect(await db.keys().all()).toEqual(["a", "b", "c", "d", "e"]);
    expect(port.openCaptures).toBe(0);
  });

  test("do not wait without limit", async () => {
    const { db, port } = await open();
    port.limits = { ...port.limits, maxPendingBytes: 100 };
    const round = deferred();
    port.round = () => round.promise;
    const iterator = db.keys();
    const held = db.put("d", "v".repeat(60));
    await expect(db.put("e", "v".repeat(60))).rejects.toMatchObject({ code: "OVERLOADED" });
    round.resolve();
    await held;
    const another = db.keys();
    await Promise.all([db.put("e", "v".repeat(60)), another.close()]);
    expect(await iterator.all()).toEqual(["a", "b", "c"]);
  });
});

describe("a received snapshot that is switched in", () => {
  test("ends an iterator that has shown something", async () => {
    const { db, port } = await open();
    const iterator = db.keys();
    // The third key is read ahead by then.
    expect([await iterator.next(), await iterator.next()]).toEqual(["a", "b"]);
    await port.switchState();
    await expect(iterator.next()).rejects.toMatchObject({ code: "SWITCHED" });
    await expect(iterator.nextv(5)).rejects.toMatchObject({ code: "SWITCHED" });
    await iterator.close();
    expect(port.openCaptures).toBe(0);
  });

  test("is not noticed by an iterator that still waits for its round", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const unread = db.keys();
    const waiting = db.keys();
    const first = waiting.next();
    await port.switchState();
    round.resolve();
    expect(await first).toBe("a");
    expect(await unread.all()).toEqual(["a", "b", "c"]);
    await waiting.close();
    expect(port.openCaptures).toBe(0);
  });

  test("ends an iterator at once, also while the old store is open, and in the middle of a read", async () => {
    const { db, port } = await open();
    const iterator = db.keys();
    await iterator.next();
    const reader = port.reader.bind(port);
    let switching: Promise<void> | undefined;
    port.reader = () => ({
      ...reader(),
      capture: () => {
        const capture = reader().capture();
        const nextv = async (): Promise<never> => {
          await (switching = port.switchState());
          throw new Error("the store is closed");
        };
        return { ...capture, iterator: (range) => ({ ...capture.iterator(range), nextv }) };
      },
    });
    const interrupted = db.keys();
    await expect(interrupted.next()).rejects.toMatchObject({ code: "SWITCHED" });
    await switching;
    port.reader = reader;
    const second = db.keys();
    await second.next();
    await port.switchState(async () => {
      await expect(second.next()).rejects.toMatchObject({ code: "SWITCHED" });
    });
    for (const open of [iterator, interrupted, second]) await open.close();
    expect(port.openCaptures).toBe(0);
  });

  test("does not hide why an iterator could not capture again", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const iterator = db.keys();
    await port.switchState();
    port.refusal = new HoldfastError("UNAVAILABLE", "no quorum answered");
    round.resolve();
    await expect(iterator.next()).rejects.toBe(port.refusal);
    await iterator.close();
  });

  test("may be under way when an iterator is made", async () => {
    const { db, port } = await open();
    const reader = port.reader.bind(port);
    port.reader = () => {
      throw new HoldfastError("SWITCHED", "a received snapshot is being switched in");
    };
    const iterator = db.keys();
    port.reader = reader;
    expect(await iterator.all()).toEqual(["a", "b", "c"]);
    expect(port.openCaptures).toBe(0);
  });
});

describe("ending", () => {
  test("a signal ends the wait for the round, and nothing stays behind", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("d"), Buffer.from("d1")));
    const controller = new AbortController();
    const iterator = db.keys({ signal: controller.signal });
    const read = iterator.next();
    controller.abort(new Error("enough"));
    await expect(read).rejects.toMatchObject({
      code: "LEVEL_ABORTED",
      name: "AbortError",
      cause: new Error("enough"),
    });
    await iterator.close();
    round.resolve();
    port.catchUp();
    // A later read goes all the way behind the one that nobody waits for any more.
    expect(await db.get("d")).toBe("d1");
    expect(port.counts.barriers).toBe(1);
    expect(port.openCaptures).toBe(0);
  });

  test("a read that was given up opens no iterator on what was confirmed too late", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const controller = new AbortController();
    const iterator = db.keys({ signal: controller.signal });
    const read = iterator.next();
    controller.abort();
    await expect(read).rejects.toMatchObject({ code: "LEVEL_ABORTED" });
    await iterator.close();
    round.resolve();
    await db.get("a");
    expect(port.openIterators).toBe(0);
    expect(port.openCaptures).toBe(0);
  });

  test("an iterator that is closed while it captures again leaves nothing captured", async () => {
    const { db, port } = await open();
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("d"), Buffer.from("d1")));
    const iterator = db.keys();
    await vi.waitUntil(() => port.counts.barriers === 1);
    await iterator.close();
    port.catchUp();
    expect(await db.get("d")).toBe("d1");
    expect(port.openCaptures).toBe(0);
  });

  test("a closed iterator and one of a closed database say so", async () => {
    const { db, port } = await open();
    const closed = db.iterator();
    await closed.close();
    await expect(closed.next()).rejects.toMatchObject({ code: "LEVEL_ITERATOR_NOT_OPEN" });
    const left = db.iterator();
    await left.next();
    await db.close();
    await expect(left.next()).rejects.toMatchObject({ code: "LEVEL_ITERATOR_NOT_OPEN" });
    expect(() => db.iterator()).toThrow(
      expect.objectContaining({ code: "LEVEL_DATABASE_NOT_OPEN" }) as Error,
    );
    expect(port.openCaptures).toBe(0);
  });
});
