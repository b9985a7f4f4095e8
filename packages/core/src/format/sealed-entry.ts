import type { Entry, EntryType } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { asBuffer, crc32c, readU64, writeU64 } from "./bytes.ts";

/** docs/formats.md, section 2. */
export const ENTRY_HEADER_BYTES = 48;
const VERSION = 1;
const TYPES: readonly EntryType[] = ["Normal", "ConfChange", "ConfChangeV2"];

/** What the leader adds to an entry when it seals it. */
export interface EntryStamp {
  /** Milliseconds since 1970, not before the stamp of the entry before. */
  readonly logTime: number;
  readonly epoch: number;
  /** How many sealed batches the payload holds. */
  readonly batches: number;
}

// The core knows entries, not bytes: the seal travels beside the entry object. Weak, so it lives exactly as long.
const seals = new WeakMap<Entry, Buffer>();
const rooms = new WeakMap<Uint8Array, Buffer>();

/**
 * A buffer for an entry's payload with room for the header in front, so that sealing needs no copy. Write the payload into
 * `data` and propose exactly that array.
 */
export function payloadBuffer(bytes: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(ENTRY_HEADER_BYTES + bytes);
  const data = whole.subarray(ENTRY_HEADER_BYTES);
  rooms.set(data, whole);
  return data;
}

/** The sealed bytes of an entry that was sealed or read here; `undefined` for one that still needs its stamp. */
export function sealOf(entry: Entry): Buffer | undefined {
  return seals.get(entry);
}

/** Seals an entry once; a second call returns the same bytes, whatever stamp it brings. */
export function sealEntry(entry: Entry, stamp: EntryStamp): Buffer {
  const done = seals.get(entry);
  if (done !== undefined) return done;
  let whole = rooms.get(entry.data);
  if (whole === undefined) {
    whole = Buffer.allocUnsafeSlow(ENTRY_HEADER_BYTES + entry.data.length);
    whole.set(entry.data, ENTRY_HEADER_BYTES);
  }
  // A payload that was proposed twice must not be sealed twice in the same memory.
  rooms.delete(entry.data);
  whole.writeUInt32LE(whole.length, 0);
  whole.writeUInt8(VERSION, 8);
  whole.writeUInt8(TYPES.indexOf(entry.type) + 1, 9);
  whole.writeUInt16LE(0, 10);
  whole.writeUInt32LE(stamp.batches, 12);
  writeU64(whole, entry.term, 16);
  writeU64(whole, entry.index, 24);
  writeU64(whole, stamp.logTime, 32);
  writeU64(whole, stamp.epoch, 40);
  whole.writeUInt32LE(crc32c(whole.subarray(8)), 4);
  seals.set(entry, whole);
  return whole;
}

/** The stamp of a sealed entry. */
export function stampOf(sealed: Uint8Array): EntryStamp {
  const buffer = asBuffer(sealed);
  return {
    batches: buffer.readUInt32LE(12),
    logTime: readU64(buffer, 32),
    epoch: readU64(buffer, 40),
  };
}

/** Length of the sealed entry that begins at `at`, or `undefined` when fewer than its first four bytes are there. */
export function sealedEntryBytes(bytes: Uint8Array, at: number): number | undefined {
  return at + 4 > bytes.length ? undefined : asBuffer(bytes).readUInt32LE(at);
}

/**
 * Reads one sealed entry (exactly `sealed`, which is kept, not copied). Throws `CORRUPT` when the checksum or the shape is
 * wrong, `UNSUPPORTED` for a newer version.
 */
export function openEntry(sealed: Uint8Array): Entry {
  const buffer = asBuffer(sealed);
  if (buffer.length < ENTRY_HEADER_BYTES || buffer.readUInt32LE(0) !== buffer.length) {
    throw new HoldfastError("CORRUPT", `sealed entry: length does not match (${buffer.length})`);
  }
  if (buffer.readUInt32LE(4) !== crc32c(buffer.subarray(8))) {
    throw new HoldfastError("CORRUPT", "sealed entry: checksum does not match");
  }
  const version = buffer.readUInt8(8);
  const type = TYPES[buffer.readUInt8(9) - 1];
  if (version !== VERSION || type === undefined) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `sealed entry of version (${version}) and type (${buffer.readUInt8(9)}) is not known to this software`,
    );
  }
  const flags = buffer.readUInt16LE(10);
  if (flags !== 0) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `sealed entry with flags (${flags}) is not known to this software`,
    );
  }
  const entry: Entry = {
    type,
    term: readU64(buffer, 16),
    index: readU64(buffer, 24),
    data: buffer.subarray(ENTRY_HEADER_BYTES),
  };
  seals.set(entry, buffer);
  return entry;
}
