import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Disk, type DiskLock, nodePlatform, type Platform } from "@holdfast/platform";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AppliedState, StateMachine } from "../../src/machine/state-machine.ts";
import { StoreSlot } from "../../src/node/store-slot.ts";

const EMPTY: AppliedState = {
  index: 0,
  term: 0,
  logTime: 0,
  epoch: 0,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  members: new Map(),
  stateHash: new Uint8Array(32),
};

/** Says when it is closed, and ends a checkpoint when it is told to. */
class RecordingMachine implements StateMachine {
  readonly format = "recording/1";
  readonly name: string;
  readonly #events: string[];
  finishCheckpoint: () => void = () => undefined;

  constructor(name: string, events: string[]) {
    this.name = name;
    this.#events = events;
  }

  applied = (): AppliedState => EMPTY;
  apply = (): Promise<readonly []> => Promise.resolve([]);
  snapshot = (): Promise<never> => Promise.reject(new Error("not asked for here"));
  restore = (): Promise<void> => Promise.resolve();
  sizeBytes = (): Promise<number> => Promise.resolve(0);

  async checkpoint(): Promise<number> {
    await new Promise<void>((resolve) => {
      this.finishCheckpoint = resolve;
    });
    this.#events.push(`${this.name} checkpointed`);
    return 0;
  }

  close(): Promise<void> {
    this.#events.push(`${this.name} closed`);
    return Promise.resolve();
  }
}

describe("StoreSlot", () => {
  let directory: string;
  let platform: Platform;
  let lock: DiskLock;
  let events: string[];

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), "holdfast-slot-"));
    platform = nodePlatform({});
    lock = await platform.disk.lock(directory);
    events = [];
  });

  afterEach(async () => {
    await lock.release();
    await platform.disk.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function open(): Promise<StoreSlot<RecordingMachine>> {
    return StoreSlot.open(platform, directory, ({ location }) =>
      Promise.resolve(new RecordingMachine(path.basename(location), events)),
    );
  }

  test("a switch closes the old state only when its checkpoint has ended", async () => {
    const slot = await open();
    const old = slot.machine;
    const prepared = await slot.prepare();
    const checkpoint = slot.checkpoint();
    const switched = new Promise<void>((resolve) => {
      slot.onSwitch(resolve);
    });
    const done = slot.switchTo(prepared);
    await switched;
    expect(events).toEqual([]);
    old.finishCheckpoint();
    await Promise.all([checkpoint, done]);
    expect(events).toEqual(["store-1 checkpointed", "store-1 closed"]);
    expect(existsSync(path.join(directory, "store-1"))).toBe(false);
    await slot.closeClean();
  });

  test("a switch that cannot be made durable leaves the old state (trap 53)", async () => {
    const { disk } = platform;
    let full = false;
    const writeFileAtomic = (file: string, data: Uint8Array): Promise<void> =>
      full ? Promise.reject(new Error("no room")) : disk.writeFileAtomic(file, data);
    const failing: Disk = new Proxy(disk, {
      get: (target, name) =>
        name === "writeFileAtomic" ? writeFileAtomic : bound(target, name as keyof Disk),
    });
    const slot = await StoreSlot.open({ ...platform, disk: failing }, directory, ({ location }) =>
      Promise.resolve(new RecordingMachine(path.basename(location), events)),
    );
    const prepared = await slot.prepare();
    full = true;
    await expect(slot.switchTo(prepared)).rejects.toThrow("no room");
    await slot.closeDirty();
    expect(existsSync(path.join(directory, "store-1"))).toBe(true);
    const again = await open();
    expect(again.machine.name).toBe("store-1");
    await again.closeClean();
  });

  test("closing waits for a checkpoint, and closes a state that was never switched in", async () => {
    const slot = await open();
    await slot.prepare();
    const checkpoint = slot.checkpoint();
    const closed = slot.closeDirty();
    slot.machine.finishCheckpoint();
    await Promise.all([checkpoint, closed]);
    expect(events).toEqual(["store-1 checkpointed", "store-2 closed", "store-1 closed"]);
  });

  test("a checkpoint that fails holds up nothing", async () => {
    const slot = await open();
    slot.machine.checkpoint = () => Promise.reject(new Error("no room"));
    await expect(slot.checkpoint()).rejects.toThrow("no room");
    await slot.closeDirty();
    expect(events).toEqual(["store-1 closed"]);
  });
});

function bound(disk: Disk, name: keyof Disk): unknown {
  return (disk[name] as (...args: unknown[]) => unknown).bind(disk);
}
