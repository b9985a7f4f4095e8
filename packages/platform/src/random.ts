/** Randomness as a node sees it. The real one is {@link nodeRandom}; a simulator passes one grown from its seed. */
export interface Random {
  /** A uniform integer in `[lo, hi)`. Both are safe integers and `lo < hi`. */
  integer(lo: number, hi: number): number;
  /** `length` fresh random bytes; the caller owns them. */
  bytes(length: number): Uint8Array;
}
