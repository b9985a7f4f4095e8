/** What is known when the log may be cut. */
export interface CompactionInput {
  /** Everything up to here is durable in the state machine. */
  readonly checkpoint: number;
  /** Entries kept behind the checkpoint in any case. */
  readonly overhead: number;
  readonly firstIndex: number;
  readonly retainBytes: number;
  /** Match indexes of the followers that are alive, on a leader. */
  readonly followers: readonly number[];
  readonly retainForFollowersBytes: number;
  /** Bytes of the entries from `index` on. Falls as `index` grows. */
  readonly bytesFrom: (index: number) => number;
}

/**
 * Up to which index the log can be cut: behind the checkpoint, keeping `retainBytes` whoever needs them, and more for followers that lag
 * less than `retainForFollowersBytes`; who lags more gets a snapshot. `firstIndex − 1` or less: nothing to cut.
 */
export function compactionTarget(input: CompactionInput): number {
  const { checkpoint, overhead, firstIndex, retainBytes, bytesFrom } = input;
  let target = checkpoint - overhead;
  if (bytesFrom(target + 1) < retainBytes) {
    target = lastIndexHolding(retainBytes, firstIndex, target, bytesFrom);
  }
  for (const match of input.followers) {
    if (match < target && match + 1 >= firstIndex) {
      if (bytesFrom(match + 1) <= input.retainForFollowersBytes) target = match;
    }
  }
  return target;
}

/** The largest cut in `[firstIndex − 1, hi]` behind which at least `bytes` remain. */
function lastIndexHolding(
  bytes: number,
  firstIndex: number,
  hi: number,
  bytesFrom: (index: number) => number,
): number {
  let low = firstIndex - 1;
  let high = hi;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (bytesFrom(middle + 1) >= bytes) low = middle;
    else high = middle - 1;
  }
  return low;
}
