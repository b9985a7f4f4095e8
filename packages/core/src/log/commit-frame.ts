import type { Entry, HardState, SnapshotMetadata } from "raft-ts-lite";
import { assert } from "../errors.ts";
import { crc32c, readU64 } from "../format/bytes.ts";
import { confStateBytes } from "../format/conf-state-codec.ts";
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

/** Body of a HardState record. */
export const HARD_STATE_BYTES = 24;
/** Body of a compaction record. */
export const COMPACTED_BYTES = 16;
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

/** The frame's length without padding, rounded up to where the next one may begin. */
export function alignFrame(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/** Bytes of the records of one write. */
export function groupWriteBytes(write: GroupWrite): number {
  let bytes = 0;
  if (write.snapshot !== undefined)
    bytes += RECORD_HEADER_BYTES + snapshotRecordBytes(write.snapshot);
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

/** Bytes of the body of a snapshot record. */
export function snapshotRecordBytes(snapshot: SnapshotMetadata): number {
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
