const WORD = 2 ** 32;

/**
 * A uniform integer in `[lo, hi)` from a source of uniform 32-bit words. Draws that would favour the small numbers are thrown
 * away and drawn again. The same words give the same integers on every platform.
 */
export function integerFromWords(word: () => number, lo: number, hi: number): number {
  if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi) || lo >= hi) {
    throw new TypeError(`a range [lo, hi) of safe integers with lo < hi is needed (${lo}, ${hi})`);
  }
  const range = hi - lo;
  if (range <= WORD) return lo + below(word, range, WORD);
  // Two words hold 2^53 exactly; a wider range, which spans most of the negative and positive integers, needs bigints.
  if (range <= Number.MAX_SAFE_INTEGER) {
    return lo + below(() => (word() >>> 11) * WORD + word(), range, 2 ** 53);
  }
  return Number(BigInt(lo) + bigBelow(word, BigInt(hi) - BigInt(lo)));
}

/** A uniform integer in `[0, range)`, where `draw` is uniform in `[0, size)` and `range <= size <= 2^53`. */
function below(draw: () => number, range: number, size: number): number {
  const limit = size - (size % range);
  for (;;) {
    const value = draw();
    if (value < limit) return value % range;
  }
}

function bigBelow(word: () => number, range: bigint): bigint {
  const size = 1n << 64n;
  const limit = size - (size % range);
  for (;;) {
    const value = (BigInt(word()) << 32n) | BigInt(word());
    if (value < limit) return value % range;
  }
}
