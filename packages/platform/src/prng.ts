import type { Random } from "./random.ts";
import { integerFromWords } from "./uniform.ts";

/** The four words that are the whole state of a generator. */
export type XoshiroState = readonly [number, number, number, number];

function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count));
}

/**
 * The words of xoshiro128** (Blackman and Vigna) from a state that is not all zero. Period 2^128 - 1, 32-bit arithmetic only, so
 * that it costs the same on every machine.
 */
export function xoshiro128StarStar(state: XoshiroState): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

/** SplitMix64, the seeding that the authors of xoshiro advise: seeds that differ in one bit give unrelated states. */
function splitMix64(seed: bigint): () => bigint {
  let state = BigInt.asUintN(64, seed);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e37_79b9_7f4a_7c15n);
    let mixed = state;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn);
    return mixed ^ (mixed >> 31n);
  };
}

/**
 * A generator that gives the same numbers for the same seed on every platform and in every release: simulators and tests grow
 * everything from one. Not for secrets. The seed counts modulo 2^64; a `number` must be a safe integer.
 */
export function prng(seed: bigint | number): Random {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new TypeError(`a seed must be a bigint or a safe integer (${seed})`);
  }
  const mix = splitMix64(BigInt(seed));
  const [first, second] = [mix(), mix()];
  const word = xoshiro128StarStar([
    Number(first & 0xffff_ffffn),
    Number(first >> 32n),
    Number(second & 0xffff_ffffn),
    Number(second >> 32n),
  ]);
  return {
    integer: (lo, hi) => integerFromWords(word, lo, hi),
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 4) {
        const value = word();
        // Little-endian by hand: a Uint32Array would follow the machine.
        for (let byte = 0; byte < 4 && at + byte < length; byte += 1) {
          bytes[at + byte] = value >>> (8 * byte);
        }
      }
      return bytes;
    },
  };
}
