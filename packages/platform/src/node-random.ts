import { randomFillSync } from "node:crypto";
import type { Random } from "./random.ts";
import { integerFromWords } from "./uniform.ts";

/** 1,024 words are fetched at once: a call into the system's generator costs far more than four bytes of it. */
const POOL_WORDS = 1_024;

/** Randomness of the operating system, fit for identities and tokens (`node:crypto`). */
export function nodeRandom(): Random {
  const pool = new Uint32Array(POOL_WORDS);
  let used = POOL_WORDS;
  const word = (): number => {
    if (used === POOL_WORDS) {
      randomFillSync(pool);
      used = 0;
    }
    const value = pool[used] ?? 0;
    // A word is handed out once; what stays in memory says nothing about the past.
    pool[used] = 0;
    used += 1;
    return value;
  };
  return {
    integer: (lo, hi) => integerFromWords(word, lo, hi),
    bytes: (length) => randomFillSync(new Uint8Array(length)),
  };
}
