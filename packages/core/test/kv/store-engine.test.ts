import { mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { putCommand } from "../../src/kv/kv-commands.ts";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import { classicLevelEngine, type StoreEngine } from "../../src/kv/store-engine.ts";
import { bytes, entryAt, machineFixture, type MachineFixture } from "./machine-fixture.ts";

let fixture: MachineFixture = machineFixture();
afterEach(async () => {
  await fixture.dispose();
  fixture = machineFixture();
});

async function put(machine: KvMachine, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const index = machine.applied().index + 1;
    await machine.apply([entryAt(index, [putCommand(bytes(key), bytes(`value of ${key}`))])]);
  }
}

async function files(location: string, suffix: string): Promise<string[]> {
  return (await readdir(location)).filter((name) => name.endsWith(suffix)).sort();
}

describe("checkpoint", () => {
  test("writes a table and begins a new log", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    const [log] = await files(location, ".log");
    expect(await files(location, ".ldb")).toEqual([]);
    expect(await machine.checkpoint()).toBe(1);
    expect(await files(location, ".ldb")).toHaveLength(1);
    expect(await files(location, ".log")).not.toContain(log);
  });

  test("returns the index from before it, when entries are applied meanwhile", async () => {
    const machine = await fixture.open();
    await put(machine, "a", "b");
    const checkpoint = machine.checkpoint();
    await put(machine, "c");
    expect(await checkpoint).toBe(2);
    expect(await machine.checkpoint()).toBe(3);
  });

  test("is not done again when nothing was applied", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    await machine.checkpoint();
    const before = await readdir(location);
    expect(await machine.checkpoint()).toBe(1);
    expect(await readdir(location)).toEqual(before);
  });

  // LevelDB's compactRange says nothing when it could not begin a new log, or could not write the table.
  test.each([".log", ".ldb"])("without a new file (%s) is not acknowledged", async (suffix) => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    for (let number = 4; number < 10; number++) {
      await mkdir(join(location, `00000${number}${suffix}`));
    }
    await expect(machine.checkpoint()).rejects.toMatchObject({ code: "STOPPED" });
  });
});

describe("a store whose machine was restarted", () => {
  test("goes back to its last checkpoint, not to what its log still holds", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a", "b");
    await machine.checkpoint();
    const { stateHash } = machine.applied();
    await put(machine, "c");
    await machine.close({ clean: false });
    const again = await fixture.open({ location, lostUnsynced: true });
    expect(again.applied()).toMatchObject({ index: 2, stateHash });
    expect(await again.reader.has(bytes("b"))).toBe(true);
    expect(await again.reader.has(bytes("c"))).toBe(false);
  });

  test("without any checkpoint goes back to nothing", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    await machine.close({ clean: false });
    const again = await fixture.open({ location, lostUnsynced: true });
    expect(again.applied().index).toBe(0);
    expect(await again.reader.has(bytes("a"))).toBe(false);
  });

  test("keeps its log when only the process died", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    await machine.close({ clean: false });
    const again = await fixture.open({ location });
    expect(again.applied().index).toBe(1);
  });

  test("loses nothing but logs", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    await machine.close({ clean: true });
    const kept = (await readdir(location)).filter((name) => /ldb$|^CURRENT$|^HOLDFAST$/.test(name));
    expect(kept).toHaveLength(3);
    await (await fixture.open({ location, lostUnsynced: true })).close({ clean: false });
    expect(await readdir(location)).toEqual(expect.arrayContaining(kept));
  });
});

describe("the making of a store", () => {
  /** What a power cut leaves when it comes before LevelDB's first files were synced. */
  async function cutWhileMade(): Promise<string> {
    const location = await fixture.location();
    await (await fixture.open({ location })).close({ clean: false });
    await rm(join(location, "HOLDFAST"));
    for (const name of await readdir(location)) await truncate(join(location, name));
    return location;
  }

  test.each([true, false])("that was cut is begun again (lostUnsynced: %s)", async (lost) => {
    const location = await cutWhileMade();
    const machine = await fixture.open({ location, lostUnsynced: lost });
    await put(machine, "a");
    await machine.close({ clean: false });
    expect((await fixture.open({ location })).applied().index).toBe(1);
  });

  test("is not begun again where there are tables", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await put(machine, "a");
    await machine.close({ clean: true });
    await rm(join(location, "HOLDFAST"));
    const before = await readdir(location);
    await expect(fixture.open({ location })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await readdir(location)).toEqual(before);
  });

  test("once complete is never begun again: a damaged store is refused", async () => {
    const location = await fixture.location();
    await (await fixture.open({ location })).close({ clean: false });
    await truncate(join(location, "CURRENT"));
    for (const lostUnsynced of [true, false]) {
      await expect(fixture.open({ location, lostUnsynced })).rejects.toThrow();
    }
    expect(await files(location, "CURRENT")).toEqual(["CURRENT"]);
  });

  test("leaves no key without a meta record behind unnoticed", async () => {
    const location = await fixture.location();
    const context = { location, platform: fixture.platform, lostUnsynced: false };
    const { level } = await classicLevelEngine().open(context);
    await level.put(bytes("\x10a"), bytes("1"));
    await level.close();
    await expect(fixture.open({ location })).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

describe("size and settings", () => {
  test("the size counts every file", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    const before = await machine.sizeBytes();
    await writeFile(join(location, "more"), Buffer.alloc(12_345));
    expect(await machine.sizeBytes()).toBe(before + 12_345);
  });

  test("compression takes less room", async () => {
    const sizes: number[] = [];
    for (const compression of [false, true]) {
      const engine = classicLevelEngine({ compression });
      const machine = await fixture.open({ engine });
      const value = Buffer.alloc(100_000, "the same again ");
      await machine.apply([entryAt(1, [putCommand(bytes("a"), value)])]);
      await machine.checkpoint();
      sizes.push(await machine.sizeBytes());
    }
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) / 2);
  });

  test("the table in memory is written out at the size that was set", async () => {
    const tables: number[] = [];
    for (const writeBufferBytes of [64 * 1024, 4 * 1024 * 1024]) {
      const location = await fixture.location();
      const engine = classicLevelEngine({ writeBufferBytes });
      const machine = await fixture.open({ engine, location });
      for (let index = 1; index <= 20; index++) {
        const command = putCommand(bytes(`key ${index}`), Buffer.alloc(20_000, index));
        await machine.apply([entryAt(index, [command])]);
      }
      tables.push((await files(location, ".ldb")).length);
    }
    expect(tables[0]).toBeGreaterThan(0);
    expect(tables[1]).toBe(0);
  });

  test("any database of abstract-level will do", async () => {
    const inner = classicLevelEngine();
    const engine: StoreEngine = {
      async open(context) {
        const { level, ...store } = await inner.open(context);
        const options = { keyEncoding: "buffer", valueEncoding: "buffer" };
        const sublevel = level.sublevel<Buffer, Buffer>("within", options);
        await sublevel.open();
        return { ...store, level: sublevel };
      },
    };
    const machine = await fixture.open({ engine });
    await put(machine, "a", "b");
    const snapshot = await machine.snapshot();
    const copy = await fixture.open({ engine });
    await copy.restore(snapshot.applied, snapshot.chunks(1_000));
    await snapshot.close();
    expect(await copy.reader.get(bytes("b"))).toEqual(bytes("value of b"));
  });
});
