import { createHash } from "node:crypto";
import type { ConfState, HardState } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { crc32c, readU64, writeU64 } from "../format/bytes.ts";
import { confStateBytes, readConfState, writeConfState } from "../format/conf-state-codec.ts";

/** Whose log it is: a log of anybody else is refused. */
export interface LogIdentity {
  /** Sixteen bytes. */
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  readonly incarnation: number;
}

/** What a segment says of a group, so that it can be read without any older one. */
export interface GroupState {
  readonly group: number;
  readonly hardState: HardState;
  /** Entries up to this one are not needed any more. */
  readonly compactedIndex: number;
  readonly compactedTerm: number;
  readonly confState: ConfState;
}

/** docs/formats.md, section 3. */
export interface SegmentHead {
  /** Checksum of the last frame of the segment before, 0 in the first. */
  readonly chain: number;
  readonly number: number;
  /** Log position at which the segment begins. */
  readonly begin: number;
  readonly identity: LogIdentity;
  /** Sixteen bytes, from {@link bootIdBytes}. */
  readonly bootId: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
  readonly groups: readonly GroupState[];
}

/** Bytes that tell how long the whole head is. */
export const HEAD_PREFIX_BYTES = 16;
const FIXED_BYTES = 100;
const GROUP_FIXED_BYTES = 40;
const MAGIC = Buffer.from("HFWALSEG", "latin1");
const VERSION = 1;

/** The sixteen bytes that stand for a boot id, which is text of any length. */
export function bootIdBytes(bootId: string): Uint8Array {
  return createHash("sha256").update(bootId).digest().subarray(0, 16);
}

/** Bytes of the head of a segment that describes `groups`. */
export function segmentHeadBytes(groups: readonly GroupState[]): number {
  let bytes = FIXED_BYTES;
  for (const { confState } of groups) bytes += 8 + GROUP_FIXED_BYTES + confStateBytes(confState);
  return Math.ceil(bytes / 8) * 8;
}

/** Encodes a head. Its checksum, which the first frame repeats, is at offset 12. */
export function encodeSegmentHead(head: SegmentHead): Buffer {
  const bytes = Buffer.alloc(segmentHeadBytes(head.groups));
  bytes.set(MAGIC, 0);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.writeUInt16LE(VERSION, 16);
  bytes.writeUInt32LE(head.chain, 20);
  writeU64(bytes, head.number, 24);
  writeU64(bytes, head.begin, 32);
  bytes.set(head.identity.clusterId, 40);
  writeU64(bytes, head.identity.nodeId, 56);
  writeU64(bytes, head.identity.incarnation, 64);
  bytes.set(head.bootId, 72);
  writeU64(bytes, head.size, 88);
  bytes.writeUInt32LE(head.groups.length, 96);
  let at = FIXED_BYTES;
  for (const state of head.groups) at = writeGroup(bytes, at, state);
  bytes.writeUInt32LE(crc32c(bytes.subarray(16)), 12);
  return bytes;
}

function writeGroup(bytes: Buffer, at: number, state: GroupState): number {
  bytes.writeUInt32LE(state.group, at);
  bytes.writeUInt32LE(GROUP_FIXED_BYTES + confStateBytes(state.confState), at + 4);
  writeU64(bytes, state.hardState.term, at + 8);
  writeU64(bytes, state.hardState.vote, at + 16);
  writeU64(bytes, state.hardState.commit, at + 24);
  writeU64(bytes, state.compactedIndex, at + 32);
  writeU64(bytes, state.compactedTerm, at + 40);
  return writeConfState(bytes, at + 8 + GROUP_FIXED_BYTES, state.confState);
}

/** How long the head is that begins with `prefix`, or `undefined` when it cannot be one. */
export function segmentHeadLength(prefix: Buffer): number | undefined {
  if (prefix.length < HEAD_PREFIX_BYTES || !prefix.subarray(0, MAGIC.length).equals(MAGIC)) {
    return undefined;
  }
  const length = prefix.readUInt32LE(8);
  return length < FIXED_BYTES || length % 8 !== 0 ? undefined : length;
}

/** The checksum of a head, which begins the chain of its segment. */
export function segmentHeadCrc(bytes: Buffer): number {
  return bytes.readUInt32LE(12);
}

/** Reads a whole head. `undefined` when it is damaged; throws `UNSUPPORTED` for a newer version. */
export function decodeSegmentHead(bytes: Buffer): SegmentHead | undefined {
  if (segmentHeadLength(bytes) !== bytes.length) return undefined;
  if (segmentHeadCrc(bytes) !== crc32c(bytes.subarray(16))) return undefined;
  const version = bytes.readUInt16LE(16);
  const flags = bytes.readUInt16LE(18);
  if (version !== VERSION || flags !== 0) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `log segment of version (${version}) and flags (${flags}); this software knows (${VERSION}) and (0): run a newer one`,
    );
  }
  const groups: GroupState[] = [];
  let at = FIXED_BYTES;
  for (let left = bytes.readUInt32LE(96); left > 0; left--) {
    groups.push(readGroup(bytes, at));
    at += 8 + bytes.readUInt32LE(at + 4);
  }
  return {
    chain: bytes.readUInt32LE(20),
    number: readU64(bytes, 24),
    begin: readU64(bytes, 32),
    identity: {
      clusterId: bytes.subarray(40, 56),
      nodeId: readU64(bytes, 56),
      incarnation: readU64(bytes, 64),
    },
    bootId: bytes.subarray(72, 88),
    size: readU64(bytes, 88),
    groups,
  };
}

function readGroup(bytes: Buffer, at: number): GroupState {
  return {
    group: bytes.readUInt32LE(at),
    hardState: {
      term: readU64(bytes, at + 8),
      vote: readU64(bytes, at + 16),
      commit: readU64(bytes, at + 24),
    },
    compactedIndex: readU64(bytes, at + 32),
    compactedTerm: readU64(bytes, at + 40),
    confState: readConfState(bytes, at + 8 + GROUP_FIXED_BYTES).state,
  };
}
