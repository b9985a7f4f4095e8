/** Rows by number: the same key and value in every process, so that a number is all that has to be remembered of a row. */

const POOL_BYTES = 16 * 1024 * 1024;

const pool = noise(POOL_BYTES);

/** Keys of one length, in the order of their numbers. */
export function keyOf(row: number): string {
  return `row-${String(row).padStart(12, "0")}`;
}

/** A value that does not compress. A view into memory that is never written again. */
export function valueOf(row: number, bytes: number): Buffer {
  const at = (row * 61) % (POOL_BYTES - bytes);
  return pool.subarray(at, at + bytes);
}

/** Marsaglia's xorshift, from a fixed seed. */
function noise(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  let state = 2_463_534_242;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}
