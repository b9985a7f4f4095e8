import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { nodePlatform } from "@holdfast/platform";
import { afterAll, describe, expect, test } from "vitest";
import { stateMachineSuite } from "../../src/conformance.ts";
import type { Command } from "../../src/format/sealed-batch.ts";
import { memoryMachine, type MemoryMachine } from "../../src/machine/memory-machine.ts";
import type { CommittedEntry, StateMachine } from "../../src/machine/state-machine.ts";

const folder = mkdtempSync(path.join(tmpdir(), "holdfast-memory-"));
const platform = nodePlatform();
const ADD = 0x40;

afterAll(async () => {
  await platform.disk.close();
  rmSync(folder, { recursive: true, force: true });
});

type Names = string[];

function names(format = "names/1"): ReturnType<typeof memoryMachine<Names>> {
  return memoryMachine<Names>({
    format,
    initial: () => [],
    apply: (state, { kind, body }) => {
      const name = Buffer.from(body).toString();
      if (name === "poison") {
        state.push("half of it");
        throw new RangeError("no such name");
      }
      if (kind !== ADD) return { ok: false, error: new TypeError(`unknown command (${kind})`) };
      return { ok: true, value: state.push(name) };
    },
    encode: (state) => Buffer.from(JSON.stringify(state)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Names,
  });
}

function location(): string {
  return mkdtempSync(path.join(folder, "state-"));
}

function open(at: string, format?: string): Promise<MemoryMachine<Names>> {
  return names(format)({ location: at, platform, lostUnsynced: true });
}

function add(name: string, kind = ADD): Command {
  return { kind, body: Buffer.from(name) };
}

function entry(index: number, ...commands: Command[]): CommittedEntry {
  return { index, term: 1, logTime: index, epoch: 1, commands };
}

function contents(machine: StateMachine): Promise<unknown> {
  return Promise.resolve((machine as MemoryMachine<Names>).read((state) => [...state]));
}

describe("a memory machine is a state machine", () => {
  stateMachineSuite({
    test,
    location: () => Promise.resolve(location()),
    open: (at, lostUnsynced) => names()({ location: at, platform, lostUnsynced }),
    command: (number) => add(`a name that is long enough to fill a chunk, number ${number}`),
    contents,
  });
});

describe("a memory machine", () => {
  test("stops at an apply that throws, and goes back to what was checkpointed", async () => {
    const at = location();
    const machine = await open(at);
    await machine.apply([entry(1, add("ann"))]);
    await machine.checkpoint();
    await expect(machine.apply([entry(2, add("bob"), add("poison"))])).rejects.toThrow(RangeError);
    expect(machine.applied().index).toBe(1);
    expect(() => machine.read((state) => state.length)).toThrow("failed before");
    await expect(machine.apply([entry(2)])).rejects.toMatchObject({ code: "STOPPED" });
    // A clean close must not write what is half of a command.
    await machine.close({ clean: true });
    expect(await contents(await open(at))).toEqual(["ann"]);
  });

  test("refuses an entry that does not follow", async () => {
    const machine = await open(location());
    await expect(machine.apply([entry(2, add("ann"))])).rejects.toThrow("does not follow");
  });

  test("hashes whether a command was refused", async () => {
    const permissive = memoryMachine<Names>({
      format: "names/1",
      initial: () => [],
      apply: () => ({ ok: true, value: undefined }),
      encode: () => new Uint8Array(0),
      decode: () => [],
    });
    const refusing = await open(location());
    const accepting = await permissive({ location: location(), platform, lostUnsynced: false });
    for (const machine of [refusing, accepting]) await machine.apply([entry(1, add("ann", 0x41))]);
    expect(refusing.applied().stateHash).not.toEqual(accepting.applied().stateHash);
  });

  test("refuses a state in another format, and one that it cannot decode", async () => {
    const at = location();
    const machine = await open(at);
    await machine.apply([entry(1, add("ann"))]);
    await machine.close({ clean: true });
    await expect(open(at, "names/2")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    writeFileSync(path.join(at, "state"), "nonsense");
    await expect(open(at)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  test("refuses a snapshot in another format", async () => {
    const machine = await open(location());
    await machine.apply([entry(1, add("ann"))]);
    const snapshot = await machine.snapshot();
    const other = await open(location(), "names/2");
    const restoring = other.restore(snapshot.applied, snapshot.chunks(1_000));
    await expect(restoring).rejects.toMatchObject({ code: "CORRUPT" });
  });

  test("has the state of the checkpoint's beginning in the file", async () => {
    const at = location();
    const machine = await open(at);
    await machine.apply([entry(1, add("ann"))]);
    const saving = machine.checkpoint();
    await machine.apply([entry(2, add("bob"))]);
    expect(await saving).toBe(1);
    expect(await contents(await open(at))).toEqual(["ann"]);
    expect(await machine.sizeBytes()).toBeGreaterThan(0);
  });

  test("wants a name for its format", () => {
    expect(() => names("")).toThrow(TypeError);
  });
});
