import { describe, expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { putCommand } from "../../src/kv/kv-commands.ts";
import { databaseFixture, deferred } from "./database-fixture.ts";

const open = databaseFixture();

describe("an explicit snapshot", () => {
  test("contains what this client has seen acknowledged, and answers for good", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const snapshot = db.snapshot();
    await db.put("a", "2");
    await db.put("b", "2");
    port.resetCounts();
    expect(await db.get("a", { snapshot })).toBe("1");
    expect(await db.getMany(["a", "b"], { snapshot })).toEqual(["1", undefined]);
    expect(await db.has("b", { snapshot })).toBe(false);
    expect(await db.hasMany(["b", "a"], { snapshot })).toEqual([false, true]);
    expect(await db.keys({ snapshot }).all()).toEqual(["a"]);
    expect(await db.sublevel("s").keys({ snapshot }).all()).toEqual([]);
    expect(port.counts).toMatchObject({ readIndexes: 0, barriers: 0 });
    await snapshot.close();
    expect(port.openCaptures).toBe(0);
  });

  test("shows nothing before its round has ended", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const round = deferred();
    port.round = () => round.promise;
    const snapshot = db.snapshot();
    const order: string[] = [];
    const read = db.get("a", { snapshot }).then((value) => order.push(`get ${String(value)}`));
    const next = db.keys({ snapshot });
    const key = next.next().then((value) => order.push(`key ${String(value)}`));
    await new Promise(setImmediate);
    order.push("round");
    round.resolve();
    await Promise.all([read, key]);
    expect(order[0]).toBe("round");
    expect(order.sort()).toEqual(["get 1", "key a", "round"]);
    await next.close();
    await snapshot.close();
  });

  test("rejects with STALE when this node lagged behind what was acknowledged", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("a"), Buffer.from("2")));
    const snapshot = db.snapshot();
    const stale = { code: "STALE", message: expect.stringContaining("up to (1)") as string };
    await expect(db.get("a", { snapshot })).rejects.toMatchObject(stale);
    await expect(db.has("a", { snapshot })).rejects.toMatchObject(stale);
    await expect(db.iterator({ snapshot }).all()).rejects.toMatchObject(stale);
    await expect(db.clear({ snapshot })).rejects.toMatchObject(stale);
    port.catchUp();
    expect(await db.get("a")).toBe("2");
    await expect(db.get("a", { snapshot })).rejects.toMatchObject(stale);
    const another = db.snapshot();
    expect(await db.get("a", { snapshot: another })).toBe("2");
    await snapshot.close();
    await another.close();
    expect(port.openCaptures).toBe(0);
  });

  test("is not made stale by what this database writes afterwards, however late its round", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const round = deferred();
    port.round = () => round.promise;
    const snapshot = db.snapshot();
    const write = db.put("a", "2");
    const read = db.get("a", { snapshot });
    await new Promise(setImmediate);
    round.resolve();
    await write;
    expect(await read).toBe("1");
    expect(await db.values({ snapshot }).all()).toEqual(["1"]);
    await snapshot.close();
  });

  test("may be read once a quorum answers again", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    port.refusal = new HoldfastError("UNAVAILABLE", "no quorum answered");
    const snapshot = db.snapshot();
    await expect(db.get("a", { snapshot })).rejects.toBe(port.refusal);
    port.refusal = undefined;
    expect(await db.get("a", { snapshot })).toBe("1");
    await snapshot.close();
  });

  test("ends with SWITCHED when the state is replaced, recent or not", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const read = db.snapshot();
    const unread = db.snapshot();
    const iterator = db.keys({ snapshot: read });
    expect(await db.get("a", { snapshot: read })).toBe("1");
    await port.switchState(async () => {
      await expect(db.get("a", { snapshot: read })).rejects.toMatchObject({ code: "SWITCHED" });
    });
    for (const snapshot of [read, unread]) {
      await expect(db.get("a", { snapshot })).rejects.toMatchObject({ code: "SWITCHED" });
      await expect(db.hasMany(["a"], { snapshot })).rejects.toMatchObject({ code: "SWITCHED" });
      await expect(db.keys({ snapshot }).all()).rejects.toMatchObject({ code: "SWITCHED" });
    }
    await expect(iterator.next()).rejects.toMatchObject({ code: "SWITCHED" });
    await iterator.close();
    await read.close();
    await unread.close();
    expect(port.openCaptures).toBe(0);
    const after = db.snapshot();
    expect(await db.get("a", { snapshot: after })).toBe("1");
    await after.close();
  });

  test("of another database is refused", async () => {
    const { db } = await open();
    const { db: other } = await open();
    const snapshot = other.snapshot();
    await expect(db.get("a", { snapshot })).rejects.toThrow(TypeError);
    await expect(db.clear({ snapshot })).rejects.toThrow(TypeError);
    expect(() => db.iterator({ snapshot })).toThrow(TypeError);
    await snapshot.close();
  });

  test("stays open under a has() that is closed upon", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    const round = deferred();
    port.round = () => round.promise;
    const snapshot = db.snapshot();
    const has = db.has("a", { snapshot });
    const closed = snapshot.close();
    round.resolve();
    expect(await has).toBe(true);
    await closed;
    expect(port.openCaptures).toBe(0);
  });
});

describe("a current snapshot", () => {
  test("waits until this node has applied what was acknowledged elsewhere", async () => {
    const { db, port } = await open();
    await db.put("a", "1");
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("a"), Buffer.from("2")));
    const taking = db.currentSnapshot();
    port.catchUp();
    const snapshot = await taking;
    // Too late to be in it, and too late for it to be called stale.
    port.lag();
    port.acknowledgeElsewhere(putCommand(Buffer.from("a"), Buffer.from("3")));
    expect(await db.get("a", { snapshot })).toBe("2");
    port.catchUp();
    expect(await db.get("a")).toBe("3");
    expect(await db.values({ snapshot }).all()).toEqual(["2"]);
    expect(port.counts.readIndexes).toBe(0);
    await snapshot.close();
    expect(port.openCaptures).toBe(0);
  });

  test("waits for the database to open, and is refused by a closed one", async () => {
    const { db } = await open();
    await db.close();
    await expect(db.currentSnapshot()).rejects.toMatchObject({ code: "LEVEL_DATABASE_NOT_OPEN" });
    const opening = db.open();
    const snapshot = await db.currentSnapshot();
    expect(await db.get("a", { snapshot })).toBeUndefined();
    await opening;
    await snapshot.close();
  });

  test("that was still being waited for when the database was closed captures nothing", async () => {
    const { db, port } = await open();
    const round = deferred();
    port.round = () => round.promise;
    const taking = db.currentSnapshot();
    const closing = db.close();
    round.resolve();
    await expect(taking).rejects.toMatchObject({ code: "LEVEL_DATABASE_NOT_OPEN" });
    await closing;
    expect(port.openCaptures).toBe(0);
  });
});
