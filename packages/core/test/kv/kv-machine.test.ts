import { afterEach, describe, expect, test } from "vitest";
import { batchCommand, clearCommand, deleteCommand, putCommand } from "../../src/kv/kv-commands.ts";
import { bytes, entryAt, machineFixture, type MachineFixture } from "./machine-fixture.ts";

let fixture: MachineFixture = machineFixture();
afterEach(async () => {
  await fixture.dispose();
  fixture = machineFixture();
});

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
      { ok: true, value: undefined },
      { ok: true, value: undefined },
      { ok: true, value: { removed: 1, revision: { index: 1, position: 2 } } },
      { ok: true, value: undefined },
    ]);
    expect(await machine.reader.getMany(["a", "b", "c"].map(bytes))).toEqual([
      undefined,
      undefined,
      bytes("3"),
    ]);
    expect(machine.applied().index).toBe(1);
    await machine.apply([entryAt(2, [deleteCommand(bytes("c"))])]);
    expect(await machine.reader.has(bytes("c"))).toBe(false);
  });

  test("state survives reopening", async () => {
    const location = await fixture.location();
    const machine = await fixture.open({ location });
    await machine.apply([entryAt(1, [putCommand(bytes("a"), bytes("1"))])]);
    const before = machine.applied();
    await machine.close({ clean: false });
    const again = await fixture.open({ location });
    expect(again.applied()).toEqual(before);
    expect(await again.reader.get(bytes("a"))).toEqual(bytes("1"));
  });
});
