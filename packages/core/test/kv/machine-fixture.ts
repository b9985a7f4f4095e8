import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePlatform, type Platform } from "@holdfast/platform";
import type { Command } from "../../src/format/sealed-batch.ts";
import { kvMachine, type KvMachine, type KvMachineOptions } from "../../src/kv/kv-machine.ts";
import type { CommittedEntry } from "../../src/machine/state-machine.ts";

/** Opens machines in directories of its own, and removes all of it. */
export interface MachineFixture {
  readonly platform: Platform;
  /** A fresh directory. */
  location(): Promise<string>;
  /** Opens a machine; without a location, in a fresh directory. */
  open(options?: KvMachineOptions & OpenOptions): Promise<KvMachine>;
  dispose(): Promise<void>;
}

export interface OpenOptions {
  readonly location?: string;
  readonly lostUnsynced?: boolean;
}

export function machineFixture(): MachineFixture {
  const platform = nodePlatform();
  const machines = new Set<KvMachine>();
  let root: string | undefined;
  let locations = 0;
  const location = async (): Promise<string> => {
    root ??= await mkdtemp(join(tmpdir(), "holdfast-kv-"));
    const directory = join(root, `store-${++locations}`);
    await mkdir(directory);
    return directory;
  };
  return {
    platform,
    location,
    async open({ location: at, lostUnsynced = false, ...options } = {}) {
      const machine = await kvMachine(options)({
        location: at ?? (await location()),
        platform,
        lostUnsynced,
      });
      machines.add(machine);
      return machine;
    },
    async dispose() {
      for (const machine of machines) await machine.close({ clean: false });
      await platform.disk.close();
      if (root !== undefined) await rm(root, { recursive: true, force: true });
    },
  };
}

/** The entry at `index`, stamped as a function of it, so that two histories differ only where their commands do. */
export function entryAt(index: number, commands: readonly Command[]): CommittedEntry {
  return { index, term: 1, logTime: 1_000_000 + index, epoch: 1, commands };
}

export function bytes(text: string): Buffer {
  return Buffer.from(text);
}
