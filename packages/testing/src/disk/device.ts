import { prng, type Random } from "@holdfast/platform";
import { between, chance, pick } from "../faults/chance.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { World } from "../world/world.ts";
import type { DiskFaults } from "./disk-faults.ts";
import { FileTree } from "./file-tree.ts";
import { type Place, SECTOR_BYTES, type StoredFile } from "./stored-file.ts";
import type { StoredDirectory } from "./stored-directory.ts";
import { SystemError } from "./system-error.ts";

/** How long operations take: at least, and on average. */
export interface Latency {
  readonly minMs: number;
  readonly meanMs: number;
}

/** What a disk does in which time. */
export interface DiskSettings {
  readonly read: Latency;
  readonly write: Latency;
  readonly sync: Latency;
  /** Everything with names: open, create, list, rename, remove. */
  readonly names: Latency;
}

export interface DeviceOptions {
  readonly world: World;
  readonly random: Random;
  readonly host: number;
  readonly trace: TraceSink | undefined;
  readonly settings: DiskSettings;
  readonly faults: DiskFaults;
  readonly misdirected: (what: string) => void;
}

/** Under way. `interrupted`: what happens when the process dies first. */
interface Operation {
  readonly interrupted: () => void;
}

/** What a mounted disk works on: the files, how long everything takes, and what goes wrong. */
export class Device {
  tree: FileTree = new FileTree();
  /** Directories that the mounted process holds. */
  readonly locked: Set<StoredDirectory> = new Set();
  readonly shown: Map<string, number> = new Map();
  readonly #options: DeviceOptions;
  /** Of its own, so that faults do not change how long things take. */
  readonly #chances: Random;
  readonly #running = new Set<Operation>();

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.#chances = prng(options.random.integer(0, 2 ** 48));
  }

  /** How long the next operation takes. */
  duration(kind: keyof DiskSettings): number {
    const { random, settings, faults } = this.#options;
    const { minMs, meanMs } = settings[kind];
    return between(random, minMs, 2 * meanMs - minMs) * faults.latency;
  }

  /** How long the next sync takes. */
  syncDuration(path: string): number {
    const { faults } = this.#options;
    const duration = this.duration("sync");
    if (!chance(this.#chances, faults.stall)) return duration;
    const stallMs = between(this.#chances, faults.stallMs.min, faults.stallMs.max);
    this.show("stall", `sync of ${path} stalls for ${stallMs.toFixed(0)} ms`);
    return duration + stallMs;
  }

  /**
   * Does something at once, `durationMs` from now, then tells the process. When the process dies before, it has happened or not, unless `interrupted`
   * says what has.
   */
  perform<T>(
    process: SimulatedProcess,
    durationMs: number,
    effect: () => T,
    interrupted?: () => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!process.alive) return;
      const operation: Operation = {
        interrupted:
          interrupted ??
          (() => {
            if (chance(this.#chances, 0.5)) effect();
          }),
      };
      this.#running.add(operation);
      this.#options.world.after(durationMs, () => {
        if (!this.#running.delete(operation)) return;
        try {
          const value = effect();
          process.after(0, () => {
            resolve(value);
          });
        } catch (error) {
          process.after(0, () => {
            reject(error instanceof Error ? error : new Error(String(error)));
          });
        }
      });
    });
  }

  /** The process died: what was under way has happened in part. */
  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  interrupt(): void {
    for (const { interrupted } of this.#running) {
      try {
        interrupted();
      } catch (error) {
        // Nobody is there any more to hear of it.
        if (!(error instanceof SystemError)) throw error;
      }
    }
    this.#running.clear();
    this.locked.clear();
  }

  /** Reads, or fails to. */
  read(file: StoredFile, path: string, position: number, length: number): Uint8Array {
    if (chance(this.#chances, this.#options.faults.readError)) {
      this.show("read-error", `cannot read ${path} at ${position}`);
      throw new SystemError("EIO");
    }
    return file.read(position, length);
  }

  /** Writes as much as there is room for. */
  write(file: StoredFile, path: string, position: number, bytes: Uint8Array): void {
    const room = this.#room();
    const growth = Math.max(0, position + bytes.length - file.size);
    const written = growth > room ? bytes.subarray(0, bytes.length - (growth - room)) : bytes;
    file.write(position, written, this.#astray(path, position));
    if (written.length === bytes.length) return;
    this.show("full", `no space left for ${path}`);
    throw new SystemError("ENOSPC");
  }

  /** Part of a write, from its beginning: its process died. */
  writePart(file: StoredFile, position: number, bytes: Uint8Array): void {
    const room = this.#room();
    const growth = Math.max(0, position + bytes.length - file.size);
    const most = Math.max(0, growth > room ? bytes.length - (growth - room) : bytes.length);
    const count = chance(this.#chances, 0.5) ? most : this.#chances.integer(0, most + 1);
    file.write(position, bytes.subarray(0, count));
  }

  createFile(path: string): StoredFile {
    if (this.#room() <= 0) {
      this.show("full", `no space left for ${path}`);
      throw new SystemError("ENOSPC");
    }
    return this.tree.createFile(path);
  }

  #room(): number {
    const { capacityBytes } = this.#options.faults;
    // What there is is added up only when it matters.
    return capacityBytes === Infinity ? Infinity : Math.max(0, capacityBytes - this.tree.usedBytes);
  }

  /** Makes the changes of a file up to its mark durable, or fails to. */
  sync(file: StoredFile, path: string, mark: number): void {
    this.#failSync(path, () => {
      file.failSync(mark, this.#chances);
    });
    file.sync(mark);
  }

  syncDirectory(directory: StoredDirectory, path: string): void {
    this.#failSync(path, () => undefined);
    directory.sync();
  }

  #failSync(path: string, lose: () => void): void {
    if (!chance(this.#chances, this.#options.faults.syncError)) return;
    this.show("sync-error", `cannot sync ${path}`);
    lose();
    throw new SystemError("EIO");
  }

  #astray(path: string, position: number): Place | undefined {
    if (!chance(this.#chances, this.#options.faults.misdirectedWrite)) return undefined;
    const targets = this.tree.files().filter(({ file }) => file.durableSize > 0);
    if (targets.length === 0) return undefined;
    const target = pick(this.#chances, targets);
    const sectors = Math.ceil(target.file.durableSize / SECTOR_BYTES);
    const at = this.#chances.integer(0, sectors) * SECTOR_BYTES;
    const what = `write to ${path} at ${position} goes to ${target.path} at ${at}`;
    this.show("misdirected-write", what);
    this.#options.misdirected(what);
    return { file: target.file, at };
  }

  /** Counts a fault that had an effect. */
  show(fault: string, text: string): void {
    this.shown.set(fault, (this.shown.get(fault) ?? 0) + 1);
    const { trace, world, host } = this.#options;
    trace?.({ at: world.now, kind: "disk", node: host, text });
  }
}
