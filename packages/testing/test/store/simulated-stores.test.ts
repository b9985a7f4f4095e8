import type { Store } from "@holdfast/core";
import { describe, expect, it } from "vitest";
import { tally } from "../disk/disk-fixture.ts";
import { StoresUnderTest } from "./store-fixture.ts";

const LOCATION = "/data/store-1";

/** A store with `flushed` in it, and then `a`, `b` and `c`, each a batch that was not flushed. */
async function filled(under: StoresUnderTest): Promise<Store> {
  const store = await under.open(LOCATION);
  await under.put(store, "flushed", "1");
  await under.run(store.flush());
  for (const key of ["a", "b", "c"]) await under.put(store, key, "1");
  return store;
}

describe("a simulated store", () => {
  it("keeps what a process wrote when another one opens it", async () => {
    for (const crash of [true, false]) {
      const under = new StoresUnderTest(1);
      const store = await filled(under);
      await under.run(store.level.batch([{ type: "del", key: Buffer.from("b") }]));
      if (crash) under.crash({ power: false });
      else await under.run(store.level.close());
      expect(await under.pairs(await under.open(LOCATION))).toBe("a=1 c=1 flushed=1");
    }
  });

  it("keeps the last flush and any of the batches since, through a power cut", async () => {
    const outcomes = await tally(150, async (seed) => {
      const under = new StoresUnderTest(seed);
      await filled(under);
      under.crash({ power: true });
      return under.pairs(await under.open(LOCATION));
    });
    const subsets = ["", "a", "b", "c", "a b", "a c", "b c", "a b c"].map((keys) =>
      [...keys.split(" ").filter((key) => key !== ""), "flushed"]
        .map((key) => `${key}=1`)
        .join(" "),
    );
    expect(Object.keys(outcomes).sort()).toEqual(subsets.sort());
  });

  it("goes back to the last flush when it is told that something may be lost", async () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const under = new StoresUnderTest(seed);
      await filled(under);
      under.crash({ power: true });
      expect(await under.pairs(await under.open(LOCATION, true))).toBe("flushed=1");
      under.crash({ power: false });
      expect(await under.pairs(await under.open(LOCATION))).toBe("flushed=1");
    }
  });

  it("flushes what was written before the call, and perhaps when it is cut short", async () => {
    const outcomes = await tally(60, async (seed) => {
      const under = new StoresUnderTest(seed);
      const store = await under.open(LOCATION);
      await under.put(store, "before", "1");
      void store.flush();
      await under.put(store, "after", "1");
      if (seed % 2 === 0) await under.runFor(50);
      under.crash({ power: true });
      return `${seed % 2 === 0 ? "done" : "cut"}: ${await under.pairs(await under.open(LOCATION, true))}`;
    });
    expect(Object.keys(outcomes).sort()).toEqual(["cut: ", "cut: before=1", "done: before=1"]);
  });

  it("tears no batch, also one that was under way", async () => {
    const outcomes = await tally(60, async (seed) => {
      const under = new StoresUnderTest(seed);
      const store = await under.open(LOCATION);
      void store.level
        .batch()
        .put(Buffer.from("x"), Buffer.from("1"))
        .put(Buffer.from("y"), Buffer.from("1"))
        .write();
      await under.runFor(0.01);
      under.crash({ power: seed % 2 === 0 });
      return under.pairs(await under.open(LOCATION));
    });
    expect(Object.keys(outcomes).sort()).toEqual(["", "x=1 y=1"]);
  });

  it("is gone with its directory", async () => {
    const under = new StoresUnderTest(1);
    const store = await filled(under);
    await under.run(store.level.close());
    await under.run(under.platform.disk.remove(LOCATION));
    expect(await under.pairs(await under.open(LOCATION))).toBe("");
    expect(await under.pairs(await under.open("/data/store-2"))).toBe("");
  });

  it("comes back with its directory when a power cut takes the removal back", async () => {
    const outcomes = await tally(60, async (seed) => {
      const under = new StoresUnderTest(seed);
      const store = await under.open(LOCATION);
      await under.put(store, "key", "1");
      await under.run(store.flush());
      await under.run(under.platform.disk.remove(LOCATION));
      under.crash({ power: true });
      return under.pairs(await under.open(LOCATION));
    });
    expect(Object.keys(outcomes).sort()).toEqual(["", "key=1"]);
  });

  it("says so when its mark is damaged", async () => {
    const under = new StoresUnderTest(1);
    await filled(under);
    await under.run(under.platform.disk.writeFileAtomic(`${LOCATION}/STORE`, Buffer.from("?")));
    under.crash({ power: false });
    await expect(under.open(LOCATION)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(LOCATION) as unknown,
    });
  });
});

describe("the level of a simulated store", () => {
  it("reads as it was when a snapshot was taken", async () => {
    const under = new StoresUnderTest(1);
    const { level } = await filled(under);
    const snapshot = level.snapshot();
    await under.run(level.batch([{ type: "put", key: Buffer.from("a"), value: Buffer.from("2") }]));
    const key = Buffer.from("a");
    expect(String(await under.run(level.get(key, { snapshot })))).toBe("1");
    expect(String(await under.run(level.get(key)))).toBe("2");
    expect(await under.run(level.has(Buffer.from("no")))).toBe(false);
    expect(await under.run(level.hasMany([key, Buffer.from("no")]))).toEqual([true, false]);
    await snapshot.close();
  });

  it("copies what goes in and out", async () => {
    const under = new StoresUnderTest(1);
    const { level } = await under.open(LOCATION);
    const [key, value] = [Buffer.from("key"), Buffer.from("value")];
    const writing = level.batch([{ type: "put", key, value }]);
    key.fill(0);
    value.fill(0);
    await under.run(writing);
    (await under.run(level.get(Buffer.from("key"))))?.fill(0);
    expect(String(await under.run(level.get(Buffer.from("key"))))).toBe("value");
  });

  it("knows its size, what was replaced since the last flush included", async () => {
    const under = new StoresUnderTest(1);
    const store = await under.open(LOCATION);
    expect(await store.sizeBytes()).toBe(0);
    for (const value of ["1234567", "1234567", "12"]) await under.put(store, "key", value);
    await under.run(store.level.put(Buffer.from("no"), Buffer.from("1")));
    await under.run(store.level.del(Buffer.from("no")));
    expect(await store.sizeBytes()).toBe(30);
    await under.run(store.flush());
    expect(await store.sizeBytes()).toBe(5);
    await under.run(store.level.clear());
    await under.run(store.flush());
    expect(await store.sizeBytes()).toBe(0);
  });
});
