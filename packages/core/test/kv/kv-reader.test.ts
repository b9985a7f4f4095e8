import { afterEach, describe, expect, test } from "vitest";
import { deleteCommand, putCommand } from "../../src/kv/kv-commands.ts";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import type { KvIteratorRange } from "../../src/kv/kv-reader.ts";
import {
  classicLevelEngine,
  type StoreEngine,
  type StoreLevel,
} from "../../src/kv/store-engine.ts";
import { SPACE_DATA } from "../../src/kv/store-keys.ts";
import { bytes, entryAt, machineFixture, type MachineFixture } from "./machine-fixture.ts";

let fixture: MachineFixture = machineFixture();
afterEach(async () => {
  await fixture.dispose();
  fixture = machineFixture();
});

/** A machine with the keys b, d, f, and one at each end of what keys can be. */
async function machineWithKeys(): Promise<KvMachine> {
  const machine = await fixture.open();
  const { confState } = machine.applied();
  const keys = ["", "b", "d", "f", "\xff\xff"].map((key) => Buffer.from(key, "latin1"));
  await machine.apply([
    {
      ...entryAt(
        1,
        keys.map((key) => putCommand(key, Buffer.concat([bytes("value of "), key]))),
      ),
      configuration: { confState, members: new Map([[1, { address: "a:1" }]]) },
    },
  ]);
  return machine;
}

async function keysOf(machine: KvMachine, range: KvIteratorRange): Promise<string[]> {
  const capture = machine.reader.capture();
  const iterator = capture.iterator(range);
  const keys: string[] = [];
  for (let entry = await iterator.next(); entry !== undefined; entry = await iterator.next()) {
    keys.push(entry[0]?.toString("latin1") ?? "no key");
  }
  await iterator.close();
  await capture.close();
  return keys;
}

describe("reads", () => {
  test("find user's keys and nothing of the node's own", async () => {
    const { reader } = await machineWithKeys();
    expect(await reader.get(bytes("b"))).toEqual(bytes("value of b"));
    expect(await reader.get(bytes(""))).toEqual(bytes("value of "));
    expect(await reader.get(bytes("meta"))).toBeUndefined();
    expect(await reader.getMany([bytes("f"), bytes("c"), bytes("b")])).toEqual([
      bytes("value of f"),
      undefined,
      bytes("value of b"),
    ]);
    expect(await reader.has(bytes("d"))).toBe(true);
    expect(await reader.hasMany([bytes("c"), bytes("d")])).toEqual([false, true]);
  });
});

describe("a capture", () => {
  test("stays as it was at the call, and knows its index", async () => {
    const machine = await machineWithKeys();
    const capture = machine.reader.capture();
    await machine.apply([
      entryAt(2, [deleteCommand(bytes("b")), putCommand(bytes("c"), bytes("2"))]),
    ]);
    expect(await capture.appliedIndex()).toBe(1);
    expect(await capture.hasMany([bytes("b"), bytes("c")])).toEqual([true, false]);
    expect(await capture.get(bytes("b"))).toEqual(bytes("value of b"));
    const iterator = capture.iterator({ values: false, limit: 2 });
    expect(await iterator.nextv(2)).toEqual([
      [bytes(""), undefined],
      [bytes("b"), undefined],
    ]);
    await iterator.close();
    expect(await machine.reader.hasMany([bytes("b"), bytes("c")])).toEqual([false, true]);
    await capture.close();
    await capture.close();
  });

  test("of a fresh machine is at index 0", async () => {
    const { reader } = await fixture.open();
    const capture = reader.capture();
    expect(await capture.appliedIndex()).toBe(0);
    await capture.close();
  });

  test("taken while entries are applied holds exactly those up to its index", async () => {
    const machine = await fixture.open();
    const entries = Array.from({ length: 200 }, (_, i) =>
      entryAt(i + 1, [
        putCommand(bytes(`key ${i + 1}`), bytes("1")),
        putCommand(bytes("last"), bytes(`${i + 1}`)),
      ]),
    );
    const applying = machine.apply(entries);
    const seen = new Set<number>();
    for (let done = false; !done;) {
      const capture = machine.reader.capture();
      const index = await capture.appliedIndex();
      seen.add(index);
      expect((await capture.get(bytes("last")))?.toString() ?? "0").toBe(String(index));
      expect(await capture.hasMany([bytes(`key ${index}`), bytes(`key ${index + 1}`)])).toEqual([
        index > 0,
        false,
      ]);
      await capture.close();
      done = index === 200;
    }
    await applying;
    expect(seen.size).toBeGreaterThan(2);
  });
});

describe("an iterator", () => {
  test.each<[KvIteratorRange, string[]]>([
    [{}, ["", "b", "d", "f", "\xff\xff"]],
    [{ reverse: true }, ["\xff\xff", "f", "d", "b", ""]],
    [{ gt: bytes("b"), lt: bytes("f") }, ["d"]],
    [{ gte: bytes("b"), lte: bytes("f") }, ["b", "d", "f"]],
    [{ gte: bytes("b"), gt: bytes("d"), lte: bytes("f"), lt: bytes("d") }, ["b", "d", "f"]],
    [{ gt: bytes("") }, ["b", "d", "f", "\xff\xff"]],
    [{ lt: bytes("") }, []],
    [{ limit: 2 }, ["", "b"]],
    [{ limit: 0 }, []],
    [{ limit: -1, gte: bytes("f") }, ["f", "\xff\xff"]],
    [{ reverse: true, limit: 1, lt: bytes("f") }, ["d"]],
  ])("visits %o", async (range, keys) => {
    expect(await keysOf(await machineWithKeys(), range)).toEqual(keys);
  });

  test("ends where the data end, whatever a newer version keeps behind them", async () => {
    let level: StoreLevel | undefined;
    const inner = classicLevelEngine();
    const engine: StoreEngine = {
      async open(context) {
        const store = await inner.open(context);
        level = store.level;
        return store;
      },
    };
    const machine = await fixture.open({ engine });
    await machine.apply([entryAt(1, [putCommand(bytes("a"), bytes("1"))])]);
    await level?.put(Buffer.from([SPACE_DATA + 1]), bytes("of a newer version"));
    expect(await keysOf(machine, {})).toEqual(["a"]);
    expect(await keysOf(machine, { reverse: true })).toEqual(["a"]);
  });

  test("seeks in its direction", async () => {
    const capture = (await machineWithKeys()).reader.capture();
    for (const [reverse, key] of [
      [false, "d"],
      [true, "b"],
    ] as const) {
      const iterator = capture.iterator({ reverse });
      iterator.seek(bytes("c"));
      expect((await iterator.next())?.[0]).toEqual(bytes(key));
      await iterator.close();
    }
    await capture.close();
  });

  test("leaves out what it was not asked for", async () => {
    const capture = (await machineWithKeys()).reader.capture();
    for (const [range, entry] of [
      [{ keys: false }, [undefined, bytes("value of b")]],
      [{ values: false }, [bytes("b"), undefined]],
    ] as const) {
      const iterator = capture.iterator({ ...range, gte: bytes("b"), limit: 1 });
      expect(await iterator.nextv(10)).toEqual([entry]);
      expect(await iterator.nextv(10)).toEqual([]);
      await iterator.close();
    }
    await capture.close();
  });
});
