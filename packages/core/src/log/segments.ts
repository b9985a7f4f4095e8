import type { Disk, DiskFile } from "@holdfast/platform";
import { assert } from "../errors.ts";

/** One file of the log. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  readonly file: DiskFile;
  /** Bytes of the file. */
  readonly size: number;
  /** Log position of its first byte; known once its head was read. */
  begin: number;
  /** Offset behind the last frame that is known to be synced. */
  end: number;
}

/** Files of a segment under construction end like this; a crash may leave one behind. */
export const TEMPORARY_SUFFIX = ".tmp";
const SUFFIX = ".seg";
const DIGITS = 20;
const ZEROS = Buffer.alloc(1 << 20);
/** A long sync of zeros would hold up the syncs of the log, so there are several short ones. */
const SYNC_EVERY_BYTES = 8 << 20;

/** The file name of a segment. */
export function segmentName(number: number): string {
  return String(number).padStart(DIGITS, "0") + SUFFIX;
}

/** The number in the name of a segment; `undefined` for a file that is none, `NaN` for one that should be one and is not. */
export function segmentNumber(name: string): number | undefined {
  if (!name.endsWith(SUFFIX)) return undefined;
  const number = Number(name.slice(0, -SUFFIX.length));
  return Number.isSafeInteger(number) && number > 0 && segmentName(number) === name ? number : NaN;
}

/** Overwrites `[from, to)` with zeros, in pieces, so that nobody waits long for the disk. Not synced at the end. */
async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length) {
    if (at > from && (at - from) % SYNC_EVERY_BYTES === 0) await file.sync();
    await file.write(at, [ZEROS.subarray(0, Math.min(ZEROS.length, to - at))]);
  }
}

/** Whether there is nothing but zeros. */
export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}

interface Blank {
  readonly path: string;
  readonly file: DiskFile;
  readonly size: number;
}

/** What a new segment needs to be started: its head, once its place is known. */
export interface SegmentStart {
  readonly number: number;
  readonly begin: number;
  readonly head: Buffer;
}

/** The files of a log, oldest first; the last one is written. */
export class SegmentSet {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #list: Segment[] = [];
  #blank: Promise<Blank> | undefined;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  get count(): number {
    return this.#list.length;
  }

  /** Bytes of all files. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#list) bytes += segment.size;
    return bytes;
  }

  get oldest(): Segment | undefined {
    return this.#list[0];
  }

  get current(): Segment | undefined {
    return this.#list.at(-1);
  }

  /** Adds a segment that was found on the disk. */
  adopt(segment: Segment): void {
    this.#list.push(segment);
  }

  /** Where a log position is. It must not have been removed. */
  locate(position: number): { readonly segment: Segment; readonly offset: number } {
    let low = 0;
    let high = this.#list.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#list[middle]?.begin ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    const segment = this.#list[low];
    assert(
      segment !== undefined && segment.begin <= position,
      `log position (${position}) is in no segment`,
    );
    return { segment, offset: position - segment.begin };
  }

  /** The bytes from a log position on; all of them are in one segment. */
  read(position: number, length: number): Promise<Uint8Array> {
    const { segment, offset } = this.locate(position);
    return segment.file.read(offset, length);
  }

  /** The position behind the segment that holds `position`. */
  segmentEnd(position: number): number {
    const { begin, end } = this.locate(position).segment;
    return begin + end;
  }

  /** The file of a log position and the offset in it. */
  placeOf(position: number): { readonly path: string; readonly offset: number } {
    const { segment, offset } = this.locate(position);
    return { path: segment.path, offset };
  }

  /** Begins to make the next segment, unless that is under way. A failure shows when the segment is needed. */
  prepare(size: number): void {
    if (this.#blank !== undefined) return;
    this.#blank = this.#makeBlank((this.current?.number ?? 0) + 1, size);
    this.#blank.catch(() => undefined);
  }

  /**
   * Adds a segment. When the promise resolves, it has its size, its name and its head, and all of that is durable.
   */
  async start({ number, begin, head }: SegmentStart, size: number): Promise<Segment> {
    const blank = await this.#takeBlank(number, size);
    const path = `${this.#directory}/${segmentName(number)}`;
    try {
      await blank.file.appendAndSync(0, [head]);
      await this.#disk.rename(blank.path, path);
      await this.#disk.syncDirectory(this.#directory);
    } catch (error) {
      await blank.file.close();
      throw error;
    }
    const segment = { number, path, file: blank.file, size, begin, end: head.length };
    // Not earlier: as soon as it is in the list, the ones before it may be removed.
    this.#list.push(segment);
    return segment;
  }

  async #takeBlank(number: number, size: number): Promise<Blank> {
    const prepared = this.#blank;
    this.#blank = undefined;
    // Preparing may have failed for a reason that is gone by now, such as a full disk.
    const blank = await prepared?.catch(() => undefined);
    if (blank?.size === size) return blank;
    await blank?.file.close();
    return this.#makeBlank(number, size);
  }

  async #makeBlank(number: number, size: number): Promise<Blank> {
    const path = `${this.#directory}/${segmentName(number)}${TEMPORARY_SUFFIX}`;
    await this.#disk.remove(path);
    const file = await this.#disk.open(path, { create: true, exclusive: true });
    try {
      await writeZeros(file, 0, size);
      await file.sync();
    } catch (error) {
      await file.close();
      // The space is wanted back most when it is short; should even this fail, the first error is the one to report.
      await this.#disk.remove(path).catch(() => undefined);
      throw error;
    }
    return { path, file, size };
  }

  /**
   * Removes the oldest segments that hold nothing at or above `position`, one after the other: the directory is synced in between,
   * so that a crash leaves no gap in the numbers.
   */
  async removeBelow(position: number): Promise<void> {
    for (;;) {
      const [oldest, next] = this.#list;
      if (oldest === undefined || next === undefined || next.begin > position) return;
      this.#list.shift();
      await oldest.file.close();
      await this.#disk.remove(oldest.path);
      await this.#disk.syncDirectory(this.#directory);
    }
  }

  /** Closes all files. A prepared segment is removed if possible; otherwise the next open removes it. */
  async close(): Promise<void> {
    const blank = await this.#blank?.catch(() => undefined);
    this.#blank = undefined;
    const files = this.#list.map(({ file }) => file);
    if (blank !== undefined) files.push(blank.file);
    const outcomes = await Promise.allSettled(files.map((file) => file.close()));
    if (blank !== undefined) await this.#disk.remove(blank.path).catch(() => undefined);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }
}
