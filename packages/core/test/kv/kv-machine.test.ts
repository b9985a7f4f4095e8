import { afterEach, describe, expect, test } from "vitest";
import {
  batchCommand,
  clearCommand,
  deleteCommand,
  KIND_BATCH,
  KIND_PUT,
  putCommand,
} from "../../src/kv/kv-commands.ts";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import { decodeChunks, encodeChunks, type StorePair } from "../../src/kv/snapshot-stream.ts";
import { classicLevelEngine, type StoreEngine } from "../../src/kv/store-engine.ts";
import { SPACE_DATA } from "../../src/kv/store-keys.ts";
import { userValue, valueHeaderBytes, writeValueHeader } from "../../src/kv/value-header.ts";
import { bytes, entryAt, machineFixture, type MachineFixture } from "./machine-fixture.ts";

let fixture: MachineFixture = machineFixture();
afterEach(async () => {
  await fixture.dispose();
  fixture = machineFixture();
});

const CORRUPT: unknown = expect.objectContaining({ code: "CORRUPT" });
const STOPPED: unknown = expect.objectContaining({ code: "STOPPED" });
const DONE = { ok: true, value: undefined };

/** Counts the calls that an engine's store gets. */
function countingEngine(): { engine: StoreEngine; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = { getMany: 0, batch: 0 };
  const inner = classicLevelEngine();
  const engine: StoreEngine = {
    async open(context) {
      const store = await inner.open(context);
      const level = new Proxy(store.level, {
        get(target, property) {
          if (typeof property === "string" && property in calls) {
            calls[property] = (calls[property] ?? 0) + 1;
          }
          const member: unknown = Reflect.get(target, property, target);
          return typeof member === "function" ? (member.bind(target) as unknown) : member;
        },
      });
      return { ...store, level };
    },
  };
  return { engine, calls };
}

async function failingBatches(after: number): Promise<KvMachine> {
  const inner = classicLevelEngine();
  let left = after;
  const open: StoreEngine["open"] = async (context) => {
    const store = await inner.open(context);
    const level = new Proxy(store.level, {
      get(target, property) {
        if (property === "batch" && left-- <= 0) {
          const write = (): Promise<void> => Promise.reject(new Error("no space left on device"));
          return () => Object.assign(target.batch(), { write });
        }
        const member: unknown = Reflect.get(target, property, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    return { ...store, level };
  };
  return fixture.open({ engine: { open } });
}

describe("apply", () => {
  test("commands of one entry see the earlier ones", async () => {
    const machine = await fixture.open();
    const [results] = await machine.apply([
      entryAt(1, [
        putCommand(bytes("a"), bytes("1")),
        batchCommand([
          { type: "put", key: bytes("b"), value: bytes("2") },
          { type: "delete", key: bytes("a") },
        ]),
        clearCommand({ gte: bytes("b") }),
        putCommand(bytes("c"), bytes("3")),
      ]),
    ]);
    expect(results).toEqual([
      DONE,
      DONE,
      { ok: true, value: { removed: 1, revision: { index: 1, position: 2 } } },
      DONE,
    ]);
    expect(await machine.reader.getMany(["a", "b", "c"].map(bytes))).toEqual([
      undefined,
      undefined,
      bytes("3"),
    ]);
    await machine.apply([entryAt(2, [deleteCommand(bytes("c"))])]);
    expect(await machine.reader.has(bytes("c"))).toBe(false);
  });

  test("a malformed command is refused alone, alike on every replica", async () => {
    const machines = [await fixture.open(), await fixture.open()];
    const answers: unknown[] = [];
    for (const machine of machines) {
      const [results] = await machine.apply([
        entryAt(1, [
          putCommand(bytes("a"), bytes("1")),
          { kind: KIND_PUT, body: Buffer.from([200, 0, 0, 0, 1]) },
          { kind: KIND_BATCH, body: Buffer.alloc(3) },
          putCommand(bytes("b"), bytes("2")),
        ]),
      ]);
      expect(results).toEqual([
        DONE,
        { ok: false, error: CORRUPT },
        { ok: false, error: CORRUPT },
        DONE,
      ]);
      answers.push(results?.map((result) => (result.ok ? "" : result.error.message)));
      expect(await machine.reader.hasMany(["a", "b"].map(bytes))).toEqual([true, true]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(machines[0]?.applied()).toEqual(machines[1]?.applied());
  });

  test("a batch with one bad operation changes nothing", async () => {
    const machine = await fixture.open();
    const { kind, body } = batchCommand([
      { type: "put", key: bytes("a"), value: bytes("1") },
      { type: "put", key: bytes("b"), value: bytes("2") },
    ]);
    const [results] = await machine.apply([
      entryAt(1, [{ kind, body: body.subarray(0, body.length - 1) }]),
    ]);
    expect(results).toEqual([{ ok: false, error: CORRUPT }]);
    expect(await machine.reader.hasMany(["a", "b"].map(bytes))).toEqual([false, false]);
  });

  test("an unknown kind stops the machine before anything of the call is applied", async () => {
    const machine = await fixture.open();
    const unknown = { kind: 0x7f, body: Buffer.alloc(0) };
    await expect(
      machine.apply([entryAt(1, [putCommand(bytes("a"), bytes("1"))]), entryAt(2, [unknown])]),
    ).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect(machine.applied().index).toBe(0);
    expect(await machine.reader.has(bytes("a"))).toBe(false);
    await expect(machine.apply([entryAt(1, [])])).rejects.toEqual(STOPPED);
  });

  test("an entry that does not follow the last one stops the machine", async () => {
    for (const index of [0, 1, 3]) {
      const machine = await fixture.open();
      await machine.apply([entryAt(1, [])]);
      await expect(machine.apply([entryAt(index, [])])).rejects.toEqual(STOPPED);
      expect(machine.applied().index).toBe(1);
    }
  });

  test("a failed write stops the machine for good; what was written before it stays whole", async () => {
    const machine = await failingBatches(1);
    const entries = [1, 2].map((index) =>
      entryAt(index, [putCommand(bytes(`${index}`), bytes("x"))]),
    );
    await expect(machine.apply(entries)).rejects.toThrow("no space left on device");
    expect(machine.applied().index).toBe(1);
    for (const attempt of [
      () => machine.apply(entries.slice(1)),
      () => machine.checkpoint(),
      () => machine.snapshot(),
    ]) {
      await expect(attempt()).rejects.toEqual(STOPPED);
    }
    await machine.close({ clean: true });
  });

  test("one store batch for each entry, and one read for all of them", async () => {
    const { engine, calls } = countingEngine();
    const machine = await fixture.open({ engine });
    calls["getMany"] = calls["batch"] = 0;
    const put = (i: number): ReturnType<typeof putCommand> =>
      putCommand(bytes(`${i % 40}`), bytes("x"));
    await machine.apply(
      [1, 2, 3].map((index) =>
        entryAt(
          index,
          Array.from({ length: 50 }, (_, i) => put(i * index)),
        ),
      ),
    );
    expect(calls).toEqual({ getMany: 1, batch: 3 });
  });

  test("nothing is read for deletions, nor for keys that the call wrote before", async () => {
    const { engine, calls } = countingEngine();
    const machine = await fixture.open({ engine });
    calls["getMany"] = 0;
    const key = bytes("a");
    await machine.apply([entryAt(1, [deleteCommand(key), putCommand(key, bytes("1"))])]);
    expect(calls["getMany"]).toBe(0);
  });

  test("values of any size, larger than was expected of the entry", async () => {
    const machine = await fixture.open();
    const large = Buffer.alloc(3_000_000, "large");
    const members = new Map([[1, { address: "host".repeat(100_000) }]]);
    const { confState } = machine.applied();
    await machine.apply([
      {
        ...entryAt(1, [putCommand(bytes("a"), large), putCommand(bytes(""), bytes(""))]),
        configuration: { confState, members },
      },
    ]);
    expect((await machine.reader.get(bytes("a")))?.equals(large)).toBe(true);
    expect(await machine.reader.get(bytes(""))).toEqual(bytes(""));
    expect(machine.applied().members).toEqual(members);
  });

  test("a value that looks like the next record is not taken for one by the state hash", async () => {
    const header = { create: { index: 1, position: 1 }, modify: { index: 1, position: 1 } };
    const record = Buffer.alloc(9 + 2 + valueHeaderBytes(header));
    record.set([1, 0, 0, 0, 0, 0, 0, 0, 0, SPACE_DATA, ...bytes("b")]);
    writeValueHeader(record, 11, header);
    const [one, other] = [await fixture.open(), await fixture.open()];
    await one.apply([
      entryAt(1, [putCommand(bytes("a"), bytes("1")), putCommand(bytes("b"), bytes(""))]),
    ]);
    await other.apply([entryAt(1, [putCommand(bytes("a"), Buffer.concat([bytes("1"), record]))])]);
    expect(one.applied().stateHash).not.toEqual(other.applied().stateHash);
  });

  test("the state hash covers what the entries say and nothing else", async () => {
    const entry = entryAt(1, [putCommand(bytes("a"), bytes("1")), deleteCommand(bytes("b"))]);
    const { confState } = (await fixture.open()).applied();
    const members = new Map([[1, { address: "a:1" }]]);
    const variants = [
      entry,
      { ...entry, term: 2 },
      { ...entry, logTime: 7 },
      { ...entry, epoch: 2 },
      { ...entry, commands: entry.commands.toReversed() },
      { ...entry, configuration: { confState, members } },
      { ...entry, configuration: { confState: { ...confState, autoLeave: true }, members } },
      entryAt(1, [putCommand(bytes("a1"), bytes("")), deleteCommand(bytes("b"))]),
      entryAt(1, [putCommand(bytes("a"), bytes("1")), putCommand(bytes("b"), bytes(""))]),
    ];
    const hashes = new Set<string>();
    for (const variant of [...variants, entry]) {
      const machine = await fixture.open();
      await machine.apply([variant]);
      hashes.add(Buffer.from(machine.applied().stateHash).toString("hex"));
    }
    expect(hashes.size).toBe(variants.length);
  });

  test("a closed machine says so", async () => {
    const machine = await fixture.open();
    await machine.close({ clean: false });
    await expect(machine.apply([entryAt(1, [])])).rejects.toMatchObject({ code: "CLOSED" });
  });
});

describe("clear", () => {
  test("stops at its limit and says where to go on, in either direction", async () => {
    const machine = await fixture.open();
    const keys = ["a", "b", "c", "d", "e"];
    await machine.apply([
      entryAt(
        1,
        keys.map((key) => putCommand(bytes(key), bytes("1"))),
      ),
    ]);
    const [results] = await machine.apply([
      entryAt(2, [clearCommand({ limit: 2 }), clearCommand({ limit: 2, reverse: true })]),
    ]);
    expect(results).toEqual([
      { ok: true, value: { removed: 2, next: bytes("c"), revision: { index: 2, position: 0 } } },
      { ok: true, value: { removed: 2, next: bytes("c"), revision: { index: 2, position: 1 } } },
    ]);
    const [rest] = await machine.apply([entryAt(3, [clearCommand({ gte: bytes("c"), limit: 2 })])]);
    expect(rest).toEqual([
      { ok: true, value: { removed: 1, revision: { index: 3, position: 0 } } },
    ]);
  });

  test("keys modified at or after its revision stay, and count as looked at", async () => {
    const machine = await fixture.open();
    const put = (key: string): ReturnType<typeof putCommand> => putCommand(bytes(key), bytes("1"));
    await machine.apply([entryAt(1, [put("a"), put("b"), put("c")])]);
    await machine.apply([entryAt(2, [put("a"), put("b")])]);
    const before = { index: 2, position: 1 };
    const [results] = await machine.apply([entryAt(3, [clearCommand({ before, limit: 2 })])]);
    expect(results).toEqual([
      { ok: true, value: { removed: 1, next: bytes("c"), revision: { index: 3, position: 0 } } },
    ]);
    expect(await machine.reader.hasMany(["a", "b", "c"].map(bytes))).toEqual([false, true, true]);
  });
});

describe("snapshot", () => {
  test("taken while entries are applied holds exactly those up to its index", async () => {
    const machine = await fixture.open();
    const applying = machine.apply(
      Array.from({ length: 200 }, (_, i) =>
        entryAt(i + 1, [putCommand(bytes("last"), bytes(String(i + 1)))]),
      ),
    );
    const seen = new Set<number>();
    for (let index = 0; index < 200;) {
      const snapshot = await machine.snapshot();
      index = snapshot.applied.index;
      seen.add(index);
      const values: string[] = [];
      for await (const pairs of decodeChunks(index, snapshot.chunks(1_000))) {
        for (const [, value] of pairs) values.push(userValue(value).toString());
      }
      expect(values).toEqual(index === 0 ? [] : [String(index)]);
      await snapshot.close();
    }
    await applying;
    expect(seen.size).toBeGreaterThan(2);
  });
});

describe("restore", () => {
  const applied = { index: 5, term: 1, logTime: 1, epoch: 1 };

  test("refuses keys that are not the state machine's to restore", async () => {
    for (const space of [0x00, 0x01, 0x05, 0x0f, 0x11]) {
      const machine = await fixture.open();
      async function* pairs(): AsyncGenerator<readonly StorePair[]> {
        yield [[Buffer.from([space, 1]), Buffer.alloc(1)]];
      }
      await expect(
        machine.restore({ ...machine.applied(), ...applied }, encodeChunks(5, pairs(), 1_000)),
      ).rejects.toEqual(CORRUPT);
      await expect(machine.apply([entryAt(1, [])])).rejects.toEqual(STOPPED);
    }
  });

  test("refuses a machine that stands somewhere already", async () => {
    const machine = await fixture.open();
    await machine.apply([entryAt(1, [])]);
    const snapshot = await machine.snapshot();
    await expect(machine.restore(snapshot.applied, snapshot.chunks(100))).rejects.toEqual(STOPPED);
    expect(machine.applied().index).toBe(1);
  });

  test("ends when the state is durable: the log is cut behind it (trap 53)", async () => {
    let flushes = 0;
    const engine: StoreEngine = {
      open: async (context) => {
        const store = await classicLevelEngine().open(context);
        const flush = async (): Promise<void> => {
          await store.flush();
          flushes += 1;
        };
        return { ...store, flush };
      },
    };
    const machine = await fixture.open();
    await machine.apply([entryAt(1, [putCommand(bytes("key"), bytes("value"))])]);
    const snapshot = await machine.snapshot();
    const copy = await fixture.open({ engine });
    await copy.restore(snapshot.applied, snapshot.chunks(1_000));
    await snapshot.close();
    expect(flushes).toBe(1);
  });

  test("more than one batch of pairs comes back whole", async () => {
    const machine = await fixture.open();
    const command = (i: number): ReturnType<typeof putCommand> =>
      putCommand(bytes(`key ${String(i).padStart(6, "0")}`), Buffer.alloc(200, i));
    await machine.apply([
      entryAt(
        1,
        Array.from({ length: 12_000 }, (_, i) => command(i)),
      ),
    ]);
    const snapshot = await machine.snapshot();
    const copy = await fixture.open();
    await copy.restore(snapshot.applied, snapshot.chunks(256 * 1024));
    await snapshot.close();
    expect(copy.applied()).toEqual(machine.applied());
    const keys = Array.from({ length: 12_001 }, (_, i) => command(i).body.subarray(4, 14));
    const found = await copy.reader.hasMany(keys);
    expect(found.indexOf(false)).toBe(12_000);
  });
});
