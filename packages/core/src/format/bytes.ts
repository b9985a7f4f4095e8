import { crc32c as nativeCrc32c } from "@node-rs/crc32";

/** CRC32C of `data`, continued from `seed`. */
export function crc32c(data: Uint8Array, seed = 0): number {
  return nativeCrc32c(data, seed);
}

/** A `Buffer` over the same memory: its fixed-offset accessors are faster than a `DataView`. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const TWO_TO_32 = 0x1_0000_0000;

/** Writes a safe integer as `u64`, little-endian. */
export function writeU64(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_TO_32);
  buffer.writeUInt32LE(value - high * TWO_TO_32, at);
  buffer.writeUInt32LE(high, at + 4);
}

/** Reads a `u64`; throws `RangeError` when it is not a safe integer, which only damage or a newer version can cause. */
export function readU64(buffer: Buffer, at: number): number {
  const value = buffer.readUInt32LE(at + 4) * TWO_TO_32 + buffer.readUInt32LE(at);
  if (value > Number.MAX_SAFE_INTEGER) throw new RangeError(`u64 beyond 2^53 at offset (${at})`);
  return value;
}
