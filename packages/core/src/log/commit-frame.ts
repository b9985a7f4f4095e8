import type { Entry, HardState, SnapshotMetadata } from "raft-ts-lite";
import { assert } from "../errors.ts";
import { crc32c, readU64, writeU64 } from "../format/bytes.ts";
import { confStateBytes, writeConfState } from "../format/conf-state-codec.ts";
import { sealOf } from "../format/sealed-entry.ts";

/** docs/formats.md, section 3. */
export const FRAME_HEADER_BYTES = 48;
/** Kind, flags, group and length of a record. */
export const RECORD_HEADER_BYTES = 12;
/** Frames begin at multiples of this. */
export const FRAME_ALIGNMENT = 8;
/** `HFFR` as it lies on the disk. */
export const FRAME_MAGIC: Buffer = Buffer.from("HFFR", "latin1");
const MAGIC_NUMBER = FRAME_MAGIC.readUInt32LE(0);
/** The only version this software knows. */
export const FRAME_VERSION = 1;

/** A sealed entry. */
export const KIND_ENTRY = 1;
/** Term, vote, commit. */
export const KIND_HARD_STATE = 2;
/** The log of the group restarts at (index, term) with a ConfState. */
export const KIND_SNAPSHOT = 3;
/** Entries up to (index, term) are not needed any more. */
export const KIND_COMPACTED = 4;

const HARD_STATE_BYTES = 24;
const COMPACTED_BYTES = 16;
/** An entry at least this long goes to the disk from where it lies; a shorter one is cheaper to copy than to hand over. */
const DIRECT_BYTES = 16_384;
/** More memory than this is not kept between frames. */
const KEPT_BYTES = 1 << 20;

/** What one caller wants written for one group, all of it or nothing. */
export interface GroupWrite {
  readonly group: number;
  /** Written after the snapshot. Sealed; each follows on the one before; the first may replace an older one and all behind it. */
  readonly entries?: readonly Entry[];
  readonly hardState?: HardState;
  /** The log restarts behind it. */
  readonly snapshot?: SnapshotMetadata;
}

/** Entries of `group` up to (index, term) are not needed any more. */
export interface Compaction {
  readonly group: number;
  readonly index: number;
  readonly term: number;
}

/** Where a frame goes and what it says about its surroundings. */
export interface FramePlace {
  /** Checksum of the frame before, or of the segment head. */
  readonly chain: number;
  readonly segment: number;
  readonly offset: number;
  /** Log position up to which the log is known to be synced. */
  readonly synced: number;
}

/** A frame ready to be written. */
export interface EncodedFrame {
  /** Consecutive; padded so that the next frame may follow. */
  readonly buffers: readonly Uint8Array[];
  /** All of `buffers`. */
  readonly bytes: number;
  readonly crc: number;
  /** Offset in the frame of every sealed entry, in the order of the writes. */
  readonly entryOffsets: readonly number[];
}

/** The frame's length without padding, rounded up to where the next one may begin. */
export function alignFrame(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Bytes of the records of one write. */
export function groupWriteBytes(write: GroupWrite): number {
  let bytes = 0;
  if (write.snapshot !== undefined) bytes += RECORD_HEADER_BYTES + snapshotBytes(write.snapshot);
  for (const entry of write.entries ?? []) bytes += RECORD_HEADER_BYTES + sealedBytes(entry).length;
  if (write.hardState !== undefined) bytes += RECORD_HEADER_BYTES + HARD_STATE_BYTES;
  return bytes;
}

/** Bytes of the record of one compaction. */
export const COMPACTION_RECORD_BYTES: number = RECORD_HEADER_BYTES + COMPACTED_BYTES;

/** The sealed form of an entry on its way into the log; an entry without one is a bug of the caller. */
export function sealedBytes(entry: Entry): Buffer {
  const sealed = sealOf(entry);
  assert(sealed !== undefined, `entry (${entry.index}) was not sealed`);
  return sealed;
}

/** Builds frames, one after the other, in memory that it uses again: a frame must be on disk before the next one is begun. */
export class FrameEncoder {
  #room = Buffer.alloc(0);
  #at = 0;
  #records = 0;
  /** Everything in `#room` before this is in `#pieces`. */
  #cut = 0;
  #pieces: Buffer[] = [];
  /** Bytes of the entries among `#pieces`. */
  #direct = 0;
  #entryOffsets: number[] = [];

  /** Encodes writes, then compactions, into one frame. */
  encode(
    place: FramePlace,
    writes: readonly GroupWrite[],
    compactions: readonly Compaction[],
  ): EncodedFrame {
    this.#begin(writes, compactions);
    for (const write of writes) this.#write(write);
    for (const compaction of compactions) this.#compaction(compaction);
    return this.#finish(place);
  }

  #begin(writes: readonly GroupWrite[], compactions: readonly Compaction[]): void {
    let bytes = FRAME_HEADER_BYTES + compactions.length * COMPACTION_RECORD_BYTES;
    for (const write of writes) {
      bytes += groupWriteBytes(write);
      for (const entry of write.entries ?? []) {
        const length = sealedBytes(entry).length;
        if (length >= DIRECT_BYTES) bytes -= length;
      }
    }
    const needed = alignFrame(bytes) + FRAME_ALIGNMENT;
    if (this.#room.length < needed || this.#room.length > KEPT_BYTES) {
      this.#room = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(needed * 2, KEPT_BYTES)));
    }
    this.#at = FRAME_HEADER_BYTES;
    this.#cut = 0;
    this.#records = 0;
    this.#pieces = [];
    this.#direct = 0;
    this.#entryOffsets = [];
  }

  #write(write: GroupWrite): void {
    const { group, snapshot, entries, hardState } = write;
    if (snapshot !== undefined) {
      this.#record(KIND_SNAPSHOT, group, snapshotBytes(snapshot));
      this.#u64(snapshot.index);
      this.#u64(snapshot.term);
      this.#at = writeConfState(this.#room, this.#at, snapshot.confState);
    }
    for (const entry of entries ?? []) {
      const sealed = sealedBytes(entry);
      this.#record(KIND_ENTRY, group, sealed.length);
      this.#entryOffsets.push(this.#at + this.#direct);
      if (sealed.length >= DIRECT_BYTES) {
        this.#flush();
        this.#pieces.push(sealed);
        this.#direct += sealed.length;
      } else {
        this.#room.set(sealed, this.#at);
        this.#at += sealed.length;
      }
    }
    if (hardState !== undefined) {
      this.#record(KIND_HARD_STATE, group, HARD_STATE_BYTES);
      this.#u64(hardState.term);
      this.#u64(hardState.vote);
      this.#u64(hardState.commit);
    }
  }

  #compaction({ group, index, term }: Compaction): void {
    this.#record(KIND_COMPACTED, group, COMPACTED_BYTES);
    this.#u64(index);
    this.#u64(term);
  }

  #record(kind: number, group: number, length: number): void {
    this.#room.writeUInt8(kind, this.#at);
    this.#room.writeUInt8(0, this.#at + 1);
    this.#room.writeUInt16LE(0, this.#at + 2);
    this.#room.writeUInt32LE(group, this.#at + 4);
    this.#room.writeUInt32LE(length, this.#at + 8);
    this.#at += RECORD_HEADER_BYTES;
    this.#records += 1;
  }

  #u64(value: number): void {
    writeU64(this.#room, value, this.#at);
    this.#at += 8;
  }

  #flush(): void {
    if (this.#at > this.#cut) this.#pieces.push(this.#room.subarray(this.#cut, this.#at));
    this.#cut = this.#at;
  }

  #finish(place: FramePlace): EncodedFrame {
    this.#flush();
    const length = this.#at + this.#direct - FRAME_HEADER_BYTES;
    const header = this.#room.subarray(0, FRAME_HEADER_BYTES);
    header.writeUInt32LE(MAGIC_NUMBER, 0);
    header.writeUInt32LE(length, 4);
    header.writeUInt32LE(place.chain, 12);
    header.writeUInt8(FRAME_VERSION, 16);
    header.writeUInt8(0, 17);
    header.writeUInt16LE(0, 18);
    header.writeUInt32LE(this.#records, 20);
    writeU64(header, place.segment, 24);
    writeU64(header, place.offset, 32);
    writeU64(header, place.synced, 40);
    const crc = this.#crc();
    header.writeUInt32LE(crc, 8);
    const padding = alignFrame(length) - length;
    if (padding > 0) {
      this.#room.fill(0, this.#at, this.#at + padding);
      this.#pieces.push(this.#room.subarray(this.#at, this.#at + padding));
    }
    return {
      buffers: this.#pieces,
      bytes: FRAME_HEADER_BYTES + length + padding,
      crc,
      entryOffsets: this.#entryOffsets,
    };
  }

  #crc(): number {
    let crc = 0;
    let skip = 12;
    for (const piece of this.#pieces) {
      crc = crc32c(piece.subarray(skip), crc);
      skip = 0;
    }
    return crc;
  }
}

function snapshotBytes(snapshot: SnapshotMetadata): number {
  return COMPACTED_BYTES + confStateBytes(snapshot.confState);
}

/** The header of a frame that may be one. */
export interface FrameHeader {
  readonly payloadBytes: number;
  readonly crc: number;
  readonly chain: number;
  readonly version: number;
  readonly flags: number;
  readonly records: number;
  readonly synced: number;
}

/**
 * Reads the header at `at`, without looking at the payload. A text says why it cannot be the header of a frame that was written to
 * this place.
 */
export function readFrameHeader(
  bytes: Buffer,
  at: number,
  segment: number,
  offset: number,
): FrameHeader | string {
  if (bytes.readUInt32LE(at) !== MAGIC_NUMBER) return "no frame begins here";
  if (u64Differs(bytes, at + 24, segment)) return "the frame belongs to another segment";
  if (u64Differs(bytes, at + 32, offset)) return "the frame belongs to another place";
  const synced = bytes.readUInt32LE(at + 44) * 0x1_0000_0000 + bytes.readUInt32LE(at + 40);
  return {
    payloadBytes: bytes.readUInt32LE(at + 4),
    crc: bytes.readUInt32LE(at + 8),
    chain: bytes.readUInt32LE(at + 12),
    version: bytes.readUInt8(at + 16),
    flags: bytes.readUInt8(at + 17),
    records: bytes.readUInt32LE(at + 20),
    synced,
  };
}

/** Checks the checksum of a whole frame; `frame` begins with its header. */
export function frameIsIntact(frame: Buffer, header: FrameHeader): boolean {
  return crc32c(frame.subarray(12, FRAME_HEADER_BYTES + header.payloadBytes)) === header.crc;
}

function u64Differs(bytes: Buffer, at: number, value: number): boolean {
  // Not readU64: damaged bytes need not be a safe integer.
  return bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at) !== value;
}

/** The two numbers of a compaction or of the start of a snapshot record. */
export function readPoint(
  bytes: Buffer,
  at: number,
): { readonly index: number; readonly term: number } {
  return { index: readU64(bytes, at), term: readU64(bytes, at + 8) };
}
