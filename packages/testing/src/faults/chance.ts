import type { Random } from "@holdfast/platform";

const PARTS = 1_000_000;

/** `true` with this probability. */
export function chance(random: Random, probability: number): boolean {
  return random.integer(0, PARTS) < probability * PARTS;
}

/** A number in `[lo, hi)`, to a thousandth of the width. */
export function between(random: Random, lo: number, hi: number): number {
  return lo + ((hi - lo) * random.integer(0, 1_000)) / 1_000;
}

/** One of them. */
export function pick<T>(random: Random, from: readonly T[]): T {
  const one = from[random.integer(0, from.length)];
  if (one === undefined) throw new RangeError("nothing to pick from");
  return one;
}
