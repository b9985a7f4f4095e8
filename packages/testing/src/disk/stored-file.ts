import type { Random } from "@holdfast/platform";
import { chance } from "../faults/chance.ts";
import { Pages } from "./pages.ts";

/** What a device writes at once, or not at all. */
export const SECTOR_BYTES = 512;

/** A change of a file that the device need not know of yet. */
type Change =
  | {
      readonly type: "write";
      readonly at: number;
      readonly bytes: Uint8Array;
      /** Where the device puts it instead. */
      readonly astray: Place | undefined;
    }
  | { readonly type: "truncate"; readonly size: number };

/** What is left of a change after a power cut. */
export type Remains = "kept" | "torn" | "lost";

/** A place on the device, in the file that holds it. */
export interface Place {
  readonly file: StoredFile;
  readonly at: number;
}

/**
 * A file as programs see it, and as the device holds it. Between the two are the changes that were not synced, in order: any part of them may be
 * on the device.
 */
export class StoredFile {
  #visible = new Pages();
  #durable = new Pages();
  #pending: Change[] = [];
  /** Changes that are not pending any more, since the beginning. */
  #passed = 0;
  /** Programs see what the device does not hold and will not be given. */
  #differs = false;

  get size(): number {
    return this.#visible.size;
  }

  read(position: number, length: number): Uint8Array {
    return this.#visible.read(position, length);
  }

  /** Copies the bytes. */
  write(at: number, bytes: Uint8Array, astray?: Place): void {
    if (bytes.length === 0) return;
    this.#visible.write(at, bytes);
    this.#pending.push({ type: "write", at, bytes: Uint8Array.from(bytes), astray });
  }

  truncate(size: number): void {
    this.#visible.truncate(size);
    this.#pending.push({ type: "truncate", size });
  }

  /** Stands for all changes so far: what a sync that begins now must make durable. */
  get mark(): number {
    return this.#passed + this.#pending.length;
  }

  /** Makes the changes up to the mark durable. */
  sync(mark: number): void {
    for (const change of this.#take(mark)) this.#apply(change);
  }

  /** A sync up to the mark fails: of the changes any part is on the device, and the system forgets that the rest is not. */
  failSync(mark: number, random: Random): void {
    const keep = keepProbability(random);
    for (const change of this.#take(mark)) this.#applyPart(change, keep, random);
    this.#differs = true;
    if (chance(random, 0.5)) this.#evict();
  }

  #take(mark: number): readonly Change[] {
    const taken = this.#pending.splice(0, mark - this.#passed);
    this.#passed += taken.length;
    return taken;
  }

  #apply(change: Change): void {
    if (change.type === "truncate") {
      this.#durable.truncate(change.size);
    } else if (change.astray === undefined) {
      this.#durable.write(change.at, change.bytes);
    } else {
      this.#goAstray(change.bytes, change.astray);
      this.#durable.truncate(Math.max(this.#durable.size, change.at + change.bytes.length));
    }
  }

  #goAstray(bytes: Uint8Array, { file, at }: Place): void {
    // It lands on what is there; it makes no file longer.
    const room = Math.max(0, file.#durable.size - at);
    file.#durable.write(at, bytes.subarray(0, room));
    file.#differs = true;
    this.#differs = true;
  }

  /** Applies a change as a device does that loses its power: sector by sector, each or not. */
  #applyPart(change: Change, keep: number, random: Random): Remains {
    if (change.type === "truncate" || change.astray !== undefined) {
      if (!chance(random, keep)) return "lost";
      this.#apply(change);
      return "kept";
    }
    const { at, bytes } = change;
    let kept = 0;
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
      if (chance(random, keep)) {
        this.#durable.write(at + from, bytes.subarray(from, to));
        kept += to - from;
      }
      from = to;
    }
    // The length is kept elsewhere than the content: it may be there without it.
    const end = at + bytes.length;
    if (end > this.#durable.size && chance(random, keep)) this.#durable.truncate(end);
    return kept === 0 ? "lost" : kept < bytes.length ? "torn" : "kept";
  }

  /** The system drops its copy of what it believes to be on the device, and so programs see what is really there. */
  #evict(): void {
    this.#visible = this.#durable.clone();
    for (const change of this.#pending) {
      if (change.type === "write") this.#visible.write(change.at, change.bytes);
      else this.#visible.truncate(change.size);
    }
    this.#differs = false;
  }

  /** What is seen after the process died: the system still has everything, unless it dropped what it took for saved. */
  afterProcessDeath(random: Random): void {
    if (this.#differs && chance(random, 0.5)) this.#evict();
  }

  /** Of what was not synced, any part is left. Says what became of each change. */
  afterPowerLoss(random: Random): readonly Remains[] {
    if (this.#pending.length === 0 && !this.#differs) return [];
    const keep = keepProbability(random);
    const remains = this.#take(this.mark).map((change) => this.#applyPart(change, keep, random));
    this.#evict();
    return remains;
  }

  /** Places in what is synced that hold something. */
  durablePlaces(): readonly number[] {
    return this.#durable.occupied();
  }

  get durableSize(): number {
    return this.#durable.size;
  }

  readDurable(position: number, length: number): Uint8Array {
    return this.#durable.read(position, length);
  }

  /** The device itself changes what it holds, and the system reads it anew. */
  damage(at: number, bytes: Uint8Array): void {
    this.#durable.write(at, bytes);
    this.#evict();
  }
}

/** Some losses take everything, some nothing, most a part. */
export function keepProbability(random: Random): number {
  return [0, 0.1, 0.5, 0.9, 1][random.integer(0, 5)] ?? 0.5;
}
