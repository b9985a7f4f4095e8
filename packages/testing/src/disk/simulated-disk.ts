import type { Disk, Random } from "@holdfast/platform";
import { pick } from "../faults/chance.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { World } from "../world/world.ts";
import { Device, type DiskSettings } from "./device.ts";
import { DiskFaults } from "./disk-faults.ts";
import { FileTree, type NamedFile } from "./file-tree.ts";
import { MountedDisk } from "./mounted-disk.ts";
import { StoredDirectory } from "./stored-directory.ts";
import { SECTOR_BYTES, type StoredFile } from "./stored-file.ts";

/** Options of {@link SimulatedDisk}. */
export interface SimulatedDiskOptions {
  readonly world: World;
  /** Of its own. */
  readonly random: Random;
  readonly host: number;
  readonly trace?: TraceSink;
  readonly settings?: Partial<DiskSettings>;
  /** A write went to another place, so that what was durable is not any more. */
  readonly misdirected?: (what: string) => void;
}

/** A good disk, and a quick one, so that a simulation gets on. */
const DEFAULT_SETTINGS: DiskSettings = {
  read: { minMs: 0.02, meanMs: 0.1 },
  write: { minMs: 0.02, meanMs: 0.1 },
  sync: { minMs: 0.1, meanMs: 1 },
  names: { minMs: 0.02, meanMs: 0.1 },
};

/** The disk of one host. It outlives the processes of the host and forgets, in a crash, what was not synced, or parts of it. */
export class SimulatedDisk {
  /** What it does wrong. May be changed at any time. */
  readonly faults: DiskFaults = new DiskFaults();
  readonly #random: Random;
  readonly #device: Device;
  #bootId: string;

  constructor(options: SimulatedDiskOptions) {
    const { world, random, host, trace, settings, misdirected } = options;
    this.#random = random;
    this.#device = new Device({
      world,
      random,
      host,
      trace,
      settings: { ...DEFAULT_SETTINGS, ...settings },
      faults: this.faults,
      misdirected: misdirected ?? (() => undefined),
    });
    this.#bootId = this.#newBootId();
  }

  #newBootId(): string {
    return Buffer.from(this.#random.bytes(16)).toString("hex");
  }

  /** How often each fault had an effect. */
  get shown(): ReadonlyMap<string, number> {
    return this.#device.shown;
  }

  /** Whether an operation is under way: the moment in which a crash does most harm. */
  get isBusy(): boolean {
    return this.#device.isBusy;
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    return this.#device.tree.usedBytes;
  }

  /** The disk for one life of a process. `crash` ends it. */
  mount(process: SimulatedProcess): Disk {
    return new MountedDisk(this.#device, process, this.#bootId);
  }

  /**
   * The process died. Without `power` the system lives on and keeps every write that it was given; what was under way happened in part. With `power`
   * the system died, too, and any part of what was not synced is gone.
   */
  crash({ power }: { readonly power: boolean }): void {
    this.#device.interrupt();
    if (!power) {
      for (const { file } of this.#device.tree.files()) file.afterProcessDeath(this.#random);
      return;
    }
    this.#bootId = this.#newBootId();
    this.#losePower("", this.#device.tree.root);
  }

  #losePower(path: string, directory: StoredDirectory): void {
    const device = this.#device;
    const lost = directory.afterPowerLoss(this.#random);
    if (lost > 0) device.show("names-lost", `${lost} changes of names in ${path}/ are lost`);
    for (const [name, node] of directory.entries()) {
      const inside = `${path}/${name}`;
      if (node instanceof StoredDirectory) this.#losePower(inside, node);
      else {
        for (const remains of node.afterPowerLoss(this.#random)) {
          if (remains !== "kept") device.show(`write-${remains}`, `write to ${inside}: ${remains}`);
        }
      }
    }
  }

  /** A new disk in its place. Only while nothing is mounted. */
  wipe(): void {
    this.#device.tree = new FileTree();
    this.#device.show("wipe", "everything is gone");
  }

  /** Damages something that was synced, and says what; `undefined` when there is nothing. */
  corrupt(random: Random): string | undefined {
    const files = this.#device.tree.files().filter(({ file }) => file.durablePlaces().length > 0);
    if (files.length === 0) return undefined;
    const target = pick(random, files);
    const what = damage(target, pick(random, files), random);
    this.#device.show("corruption", what);
    return what;
  }
}

function damage({ path, file }: NamedFile, other: NamedFile, random: Random): string {
  const sector = sectorOf(file, random);
  const content = file.readDurable(sector, SECTOR_BYTES);
  const kind = random.integer(0, 3);
  if (kind === 0 && content.some((byte) => byte !== 0)) {
    file.damage(sector, new Uint8Array(content.length));
    return `${path}, offset (${sector}): sector is zero`;
  }
  const from = sectorOf(other.file, random);
  const strange = other.file.readDurable(from, content.length);
  if (kind === 1 && Buffer.compare(strange, content.subarray(0, strange.length)) !== 0) {
    file.damage(sector, strange);
    return `${path}, offset (${sector}): holds what belongs to ${other.path}, offset (${from})`;
  }
  const at = random.integer(0, content.length);
  const bit = random.integer(0, 8);
  file.damage(sector + at, Uint8Array.of((content[at] ?? 0) ^ (1 << bit)));
  return `${path}, offset (${sector + at}): bit (${bit}) is flipped`;
}

/** A sector of a page that holds something. */
function sectorOf(file: StoredFile, random: Random): number {
  const page = pick(random, file.durablePlaces());
  const sectors = Math.ceil(Math.min(4_096, file.durableSize - page) / SECTOR_BYTES);
  return page + random.integer(0, sectors) * SECTOR_BYTES;
}
