import type { Disk } from "@holdfast/platform";
import { HoldfastError } from "../errors.ts";
import { asBuffer, readU64 } from "../format/bytes.ts";
import { readConfState } from "../format/conf-state-codec.ts";
import { ENTRY_HEADER_BYTES } from "../format/sealed-entry.ts";
import {
  FRAME_HEADER_BYTES,
  FRAME_VERSION,
  type FrameHeader,
  KIND_COMPACTED,
  KIND_ENTRY,
  KIND_HARD_STATE,
  KIND_SNAPSHOT,
  RECORD_HEADER_BYTES,
  alignFrame,
  frameIsIntact,
  readFrameHeader,
  readPoint,
} from "./commit-frame.ts";
import type { GroupLog } from "./group-log.ts";
import {
  HEAD_PREFIX_BYTES,
  type LogIdentity,
  type SegmentHead,
  decodeSegmentHead,
  segmentHeadCrc,
  segmentHeadLength,
} from "./segment-head.ts";
import { SegmentReader } from "./segment-reader.ts";
import {
  type Segment,
  type SegmentSet,
  TEMPORARY_SUFFIX,
  isZero,
  segmentName,
  segmentNumber,
} from "./segments.ts";
import { hasWitness, isZeroFrom, zeroFrom } from "./torn-tail.ts";

/** What recovery works on and fills. */
export interface Recovery {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly segments: SegmentSet;
  group(id: number): GroupLog;
}

/**
 * Replays the log of a directory into its groups and opens its segments for use. Returns the checksum of the last frame, or
 * `undefined` when there is no log yet. Nothing on the disk is changed before everything was found to be in order; then the torn
 * tail of a write that was never acknowledged is overwritten, and what only the page cache may know is synced.
 *
 * Throws `CORRUPT`, `IDENTITY` or `UNSUPPORTED`.
 */
export async function recoverLog(recovery: Recovery): Promise<number | undefined> {
  const { disk, directory, segments } = recovery;
  const names = await disk.list(directory);
  const numbers = numbersOf(directory, names);
  const replay = new Replay(recovery);
  for (const number of numbers) await replay.segment(number, number === numbers.at(-1));
  replay.finish();
  for (const name of names) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(`${directory}/${name}`);
  }
  const last = segments.current;
  if (last === undefined) return undefined;
  if (replay.torn) await zeroFrom(last.file, last.end, last.size);
  // The process before this one may have died between a write and its sync, or between a rename and its sync. If the sync failed,
  // the system holds the last frame for clean though it is not on the disk: only a new write makes it durable.
  if (replay.unwitnessed > 0) {
    const at = last.end - replay.unwitnessed;
    await last.file.write(at, [await last.file.read(at, replay.unwitnessed)]);
  }
  await last.file.sync();
  await disk.syncDirectory(directory);
  return replay.chain;
}

function numbersOf(directory: string, names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const number = segmentNumber(name);
    if (number === undefined) continue;
    const expected = (numbers.at(-1) ?? number - 1) + 1;
    if (number !== expected) {
      const missing = Number.isNaN(number) ? name : segmentName(expected);
      const why = Number.isNaN(number) ? "no name of a segment" : "a segment is missing";
      throw corrupt(`${directory}/${missing}`, 0, why);
    }
    numbers.push(number);
  }
  return numbers;
}

class Replay {
  readonly #recovery: Recovery;
  /** Checksum of the last frame, or of the segment head when no frame follows it. */
  #chain = 0;
  #groups = new Map<number, GroupLog>();
  #torn = false;
  #unwitnessed = 0;

  constructor(recovery: Recovery) {
    this.#recovery = recovery;
  }

  get chain(): number {
    return this.#chain;
  }

  /** The last segment ends in a torn write. */
  get torn(): boolean {
    return this.#torn;
  }

  /**
   * Length of the last frame: no other says of it that it was synced. One without records counts, too: the next frame will follow on it, and
   * say that it is on the disk.
   */
  get unwitnessed(): number {
    return this.#unwitnessed;
  }

  async segment(number: number, isLast: boolean): Promise<void> {
    const { disk, directory, segments } = this.#recovery;
    const before = segments.current;
    const path = `${directory}/${segmentName(number)}`;
    const file = await disk.open(path);
    const size = await file.size();
    const segment: Segment = { number, path, file, size, begin: 0, end: 0 };
    // Known to the set from here on, so that it is closed whatever happens.
    segments.adopt(segment);
    const reader = new SegmentReader(file, size);
    await this.#head(segment, reader, before);
    const reason = await this.#frames(segment, reader);
    await this.#rest(segment, reason, isLast);
  }

  /** To be called behind the last segment. */
  finish(): void {
    const [path, offset] = [this.#recovery.segments.oldest?.path ?? "", 0];
    for (const group of this.#groups.values()) {
      if (group.hasGap) {
        const before = group.firstIndex();
        throw corrupt(
          path,
          offset,
          `entries of group (${group.id}) before (${before}) are missing`,
        );
      }
    }
  }

  #group(id: number): GroupLog {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = this.#recovery.group(id);
      this.#groups.set(id, group);
    }
    return group;
  }

  async #head(segment: Segment, reader: SegmentReader, before: Segment | undefined): Promise<void> {
    const length = segmentHeadLength(await reader.read(0, HEAD_PREFIX_BYTES));
    const bytes = length === undefined ? undefined : await reader.read(0, length);
    const head = bytes === undefined ? undefined : readHead(segment.path, bytes);
    if (bytes === undefined || head === undefined) {
      throw corrupt(segment.path, 0, "the head of the segment is damaged");
    }
    this.#checkIdentity(segment.path, head.identity);
    if (head.number !== segment.number) {
      throw corrupt(segment.path, 24, `this is segment (${head.number}) under another name`);
    }
    if (head.size !== segment.size) {
      const why = `the file has (${segment.size}) bytes and not the (${head.size}) it was made with`;
      throw corrupt(segment.path, Math.min(segment.size, head.size), why);
    }
    if (before !== undefined && head.begin !== before.begin + before.end) {
      throw corrupt(before.path, before.end, `frames are missing before segment (${head.number})`);
    }
    if (before !== undefined && head.chain !== this.#chain) {
      throw corrupt(segment.path, 20, "the segment does not follow on the one before");
    }
    for (const state of head.groups) this.#group(state.group).restore(state);
    this.#chain = segmentHeadCrc(bytes);
    // A segment is begun when the one before is synced.
    this.#unwitnessed = 0;
    segment.begin = head.begin;
    segment.end = bytes.length;
  }

  #checkIdentity(path: string, found: LogIdentity): void {
    const own = this.#recovery.identity;
    const differs = (what: string, theirs: string | number, ours: string | number): HoldfastError =>
      new HoldfastError(
        "IDENTITY",
        `${path} belongs to ${what} (${theirs}), not to (${ours}); give this node its own directory`,
      );
    const [theirs, ours] = [hex(found.clusterId), hex(own.clusterId)];
    if (theirs !== ours) throw differs("cluster", theirs, ours);
    if (found.nodeId !== own.nodeId) throw differs("node", found.nodeId, own.nodeId);
    if (found.incarnation !== own.incarnation) {
      throw differs("incarnation", found.incarnation, own.incarnation);
    }
  }

  /** Replays frames up to the first that is none; says what is wrong with it unless there is nothing. */
  async #frames(segment: Segment, reader: SegmentReader): Promise<string | undefined> {
    for (;;) {
      const at = segment.end;
      const start =
        reader.loaded(at, FRAME_HEADER_BYTES) ?? (await reader.read(at, FRAME_HEADER_BYTES));
      if (start.length < FRAME_HEADER_BYTES) return undefined;
      const header = readFrameHeader(start, 0, segment.number, at);
      if (typeof header === "string") return isZero(start) ? undefined : header;
      const length = FRAME_HEADER_BYTES + header.payloadBytes;
      const padded = alignFrame(length);
      if (at + padded > segment.size) return "the frame is longer than its file";
      const frame = reader.loaded(at, padded) ?? (await reader.read(at, padded));
      if (!frameIsIntact(frame, header)) return "the checksum of the frame does not match";
      if (!isZero(frame.subarray(length))) return "the padding of the frame is not zero";
      if (header.chain !== this.#chain) return "the frame does not follow on the one before";
      this.#apply(segment, frame, header);
      this.#chain = header.crc;
      this.#unwitnessed = padded;
      segment.end = at + padded;
    }
  }

  #apply(segment: Segment, frame: Buffer, header: FrameHeader): void {
    const { end: at, begin, path } = segment;
    if (header.version !== FRAME_VERSION || header.flags !== 0) {
      throw new HoldfastError(
        "UNSUPPORTED",
        `${path}, offset (${at}): frame of version (${header.version}) and flags (${header.flags}); this software knows (${FRAME_VERSION}) and (0): run a newer one`,
      );
    }
    const end = FRAME_HEADER_BYTES + header.payloadBytes;
    let offset = FRAME_HEADER_BYTES;
    for (let left = header.records; left > 0; left--) {
      const body = offset + RECORD_HEADER_BYTES;
      const length = body <= end ? frame.readUInt32LE(offset + 8) : 0;
      if (body + length > end) throw corrupt(path, at + offset, "the record is cut short");
      if (!this.#record(frame, offset, length, begin + at + body)) {
        throw corrupt(path, at + offset, "the record makes no sense here");
      }
      offset = body + length;
    }
    if (offset !== end) throw corrupt(path, at + offset, "there are bytes behind the records");
  }

  /** Replays one record, whose body is at log position `position`. False when it cannot be right. */
  #record(frame: Buffer, at: number, length: number, position: number): boolean {
    const kind = frame.readUInt8(at);
    const flags = frame.readUInt8(at + 1);
    if (flags !== 0) throw unknownRecord(`flags (${flags})`, position);
    const group = this.#group(frame.readUInt32LE(at + 4));
    const body = at + RECORD_HEADER_BYTES;
    switch (kind) {
      case KIND_ENTRY:
        if (length < ENTRY_HEADER_BYTES || frame.readUInt32LE(body) !== length) return false;
        return group.replay(readU64(frame, body + 24), readU64(frame, body + 16), position, length);
      case KIND_HARD_STATE:
        group.setHardState({
          term: readU64(frame, body),
          vote: readU64(frame, body + 8),
          commit: readU64(frame, body + 16),
        });
        return length === 24;
      case KIND_SNAPSHOT: {
        const { index, term } = readPoint(frame, body);
        const { state, end } = readConfState(frame, body + 16);
        group.restart(index, term, state);
        return end === body + length;
      }
      case KIND_COMPACTED: {
        const { index, term } = readPoint(frame, body);
        group.compact(index, term);
        return length === 16;
      }
      default:
        throw unknownRecord(`kind (${kind})`, position);
    }
  }

  /** Decides what the bytes behind the last good frame are: nothing, a torn tail, or damage. */
  async #rest(segment: Segment, reason: string | undefined, isLast: boolean): Promise<void> {
    const { file, path, size, end } = segment;
    if (reason === undefined && (await isZeroFrom(file, end, size))) return;
    const why = reason ?? "there are bytes behind the last frame";
    if (!isLast) throw corrupt(path, end, why);
    const rest = asBuffer(await file.read(end, size - end));
    if (hasWitness(rest, segment)) throw corrupt(path, end, why);
    this.#torn = true;
  }
}

function readHead(path: string, bytes: Buffer): SegmentHead | undefined {
  try {
    return decodeSegmentHead(bytes);
  } catch (cause) {
    if (cause instanceof HoldfastError && cause.code === "UNSUPPORTED") {
      throw new HoldfastError("UNSUPPORTED", `${path}: ${cause.message}`, { cause });
    }
    throw corrupt(path, 0, "the head of the segment is damaged", cause);
  }
}

function unknownRecord(what: string, position: number): HoldfastError {
  return new HoldfastError(
    "UNSUPPORTED",
    `log record of ${what} at log position (${position}) is not known to this software: run a newer one`,
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function corrupt(path: string, offset: number, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    "CORRUPT",
    `write-ahead log ${path}, offset (${offset}): ${why}. Acknowledged data may be damaged, so nothing was changed. ` +
      "Remove this member and add a new one, under a new id and with an empty directory; an older copy of the directory would break what it has promised since",
    { cause },
  );
}
