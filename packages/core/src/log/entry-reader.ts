import type { Entry } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { asBuffer } from "../format/bytes.ts";
import { openEntry } from "../format/sealed-entry.ts";
import type { EntryIndex } from "./entry-index.ts";

/** What a group needs of the files. Positions are log positions. */
export interface EntrySource {
  read(position: number, length: number): Promise<Uint8Array>;
  /** The position behind the segment that holds `position`: a read must not go on there. */
  segmentEnd(position: number): number;
  /** The file and the offset in it. */
  placeOf(position: number): { readonly path: string; readonly offset: number };
}

/** One read of the disk fetches about this much. */
const READ_BYTES = 1 << 20;
/** Frames of other groups lie between the entries of this one. Beyond so many bytes of them, another read is cheaper. */
const READ_OVER_BYTES = 1 << 16;

interface Place {
  readonly index: number;
  readonly term: number;
  /** Offset in what is read. */
  readonly at: number;
  readonly length: number;
}

/** Reads the entries of one group from the disk, and checks that they are what the index says. */
export class EntryReader {
  readonly #source: EntrySource;
  readonly #index: EntryIndex;

  constructor(source: EntrySource, index: EntryIndex) {
    this.#source = source;
    this.#index = index;
  }

  /** Entries from `from` on that one read brings: at least one, and not `end`. Throws `CORRUPT`. */
  async read(from: number, end: number): Promise<readonly Entry[]> {
    // Everything is looked up before the disk is asked: the index may change in the meantime.
    const start = this.#index.positionOf(from);
    const places = this.#places(from, end);
    const last = places.at(-1);
    const { path, offset } = this.#source.placeOf(start);
    const bytes = asBuffer(
      await this.#source.read(start, last === undefined ? 0 : last.at + last.length),
    );
    return places.map((place) => open(bytes, place, `${path}, offset (${offset + place.at})`));
  }

  /** The entries from `from` on that lie close together in one segment and do not exceed one read. */
  #places(from: number, end: number): Place[] {
    const start = this.#index.positionOf(from);
    const limit = Math.min(this.#source.segmentEnd(start) - start, READ_BYTES);
    const places: Place[] = [];
    let behind = 0;
    for (let index = from; index < end; index++) {
      const at = this.#index.positionOf(index) - start;
      const length = this.#index.lengthOf(index);
      const far = at - behind > READ_OVER_BYTES || at + length > limit;
      if (far && places.length > 0) break;
      places.push({ index, term: this.#index.termOf(index), at, length });
      behind = at + length;
    }
    return places;
  }
}

function open(bytes: Buffer, { index, term, at, length }: Place, where: string): Entry {
  const entry = opened(bytes.subarray(at, at + length), index, where);
  if (entry.index !== index || entry.term !== term) {
    throw damaged(index, where, `entry (${entry.index}) of term (${entry.term}) is in its place`);
  }
  return entry;
}

function opened(sealed: Buffer, index: number, where: string): Entry {
  try {
    return openEntry(sealed);
  } catch (cause) {
    if (cause instanceof HoldfastError && cause.code === "UNSUPPORTED") throw cause;
    throw damaged(index, where, "it is damaged", cause);
  }
}

function damaged(index: number, where: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "CORRUPT",
    `write-ahead log ${where}: entry (${index}) should be here, but ${why}. ` +
      "Remove this member and add a new one, under a new id and with an empty directory; an older copy of the directory would break what it has promised since",
    { cause },
  );
}
