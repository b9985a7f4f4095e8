import { HoldfastError } from "../errors.ts";
import { readU64, writeU64 } from "../format/bytes.ts";

/** When something was written: the index of the entry, and the position of the command in it. Ordered by index, then position. */
export interface Revision {
  readonly index: number;
  readonly position: number;
}

/** What the store keeps in front of every value (docs/formats.md, section 5). */
export interface ValueHeader {
  readonly create: Revision;
  readonly modify: Revision;
  /** Log time at which the key expires. */
  readonly expiry?: number;
  /** The lease that the key is tied to. */
  readonly lease?: number;
}

const VERSION = 1;
const VERSION_BITS = 0x0f;
const HAS_EXPIRY = 0x10;
const HAS_LEASE = 0x20;
const KNOWN_BITS = VERSION_BITS | HAS_EXPIRY | HAS_LEASE;
const FIXED_BYTES = 25;

/** Negative, zero or positive as `a` is before, equal to or after `b`. */
export function compareRevisions(a: Revision, b: Revision): number {
  return a.index === b.index ? a.position - b.position : a.index - b.index;
}

/** Bytes that a header takes. */
export function valueHeaderBytes(header: ValueHeader): number {
  return FIXED_BYTES + (header.expiry === undefined ? 0 : 8) + (header.lease === undefined ? 0 : 8);
}

/** Writes a header at `at` and returns the offset behind it. */
export function writeValueHeader(target: Buffer, at: number, header: ValueHeader): number {
  const { create, modify, expiry, lease } = header;
  let flags = VERSION;
  if (expiry !== undefined) flags |= HAS_EXPIRY;
  if (lease !== undefined) flags |= HAS_LEASE;
  target[at] = flags;
  writeU64(target, create.index, at + 1);
  target.writeUInt32LE(create.position, at + 9);
  writeU64(target, modify.index, at + 13);
  target.writeUInt32LE(modify.position, at + 21);
  let offset = at + FIXED_BYTES;
  if (expiry !== undefined) {
    writeU64(target, expiry, offset);
    offset += 8;
  }
  if (lease !== undefined) {
    writeU64(target, lease, offset);
    offset += 8;
  }
  return offset;
}

/** Reads the header of a stored value. Throws `CORRUPT` when it is cut short, `UNSUPPORTED` for a newer version. */
export function readValueHeader(stored: Buffer): ValueHeader {
  const length = headerLength(stored);
  const flags = stored.readUInt8(0);
  const header = {
    create: { index: readU64(stored, 1), position: stored.readUInt32LE(9) },
    modify: { index: readU64(stored, 13), position: stored.readUInt32LE(21) },
  };
  if (length === FIXED_BYTES) return header;
  const leaseAt = (flags & HAS_EXPIRY) === 0 ? FIXED_BYTES : FIXED_BYTES + 8;
  return {
    ...header,
    ...((flags & HAS_EXPIRY) === 0 ? {} : { expiry: readU64(stored, FIXED_BYTES) }),
    ...((flags & HAS_LEASE) === 0 ? {} : { lease: readU64(stored, leaseAt) }),
  };
}

/** The user's value behind the header of a stored one: a view. */
export function userValue(stored: Buffer): Buffer {
  return stored.subarray(headerLength(stored));
}

function headerLength(stored: Buffer): number {
  const flags = stored[0];
  if (flags === undefined) throw new HoldfastError("CORRUPT", "stored value without a header");
  if ((flags & VERSION_BITS) !== VERSION || (flags & ~KNOWN_BITS) !== 0) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `value header (${flags}) is not known to this software: version (${VERSION})`,
    );
  }
  const length =
    FIXED_BYTES + ((flags & HAS_EXPIRY) === 0 ? 0 : 8) + ((flags & HAS_LEASE) === 0 ? 0 : 8);
  if (stored.length < length) {
    throw new HoldfastError("CORRUPT", `header of a stored value is cut short (${stored.length})`);
  }
  return length;
}

/**
 * What is known of keys beyond what the store says, by their bytes as a `latin1` string: written by entries of this call, or
 * read for them. `undefined`: the key does not exist.
 */
export type KnownHeaders = Map<string, ValueHeader | undefined>;
