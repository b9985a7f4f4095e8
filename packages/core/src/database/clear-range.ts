import { HoldfastError } from "../errors.ts";
import {
  batchCommand,
  clearCommand,
  type ClearRange,
  type ClearResult,
  type KvOperation,
} from "../kv/kv-commands.ts";
import type { Revision } from "../kv/value-header.ts";
import type { HoldfastSnapshot } from "./holdfast-snapshot.ts";
import type { ClearOptions } from "./level-types.ts";
import type { DatabasePort, WriteLimits } from "./port.ts";
import { RangeReader } from "./range-reader.ts";
import { operationBytes } from "./write-limits.ts";

type Propose = DatabasePort["propose"];

/** A command that clears more than this would keep every replica's state machine from anything else for too long. */
const MAX_KEYS_PER_CLEAR = 4_096;

/**
 * Removes the keys of a range, by as many range commands as it takes. Each is atomic, all together are not: a reader may find the
 * range half empty. What is written behind the first of them stays, whatever the later ones find.
 */
export async function clearRange(propose: Propose, options: ClearOptions): Promise<void> {
  let left = options.limit === -1 ? Infinity : options.limit;
  let bounds = boundsOf(options);
  let before: Revision | undefined;
  while (left > 0) {
    const range: ClearRange = {
      ...bounds,
      reverse: options.reverse,
      limit: Math.min(left, MAX_KEYS_PER_CLEAR),
      ...(before === undefined ? {} : { before }),
    };
    const result = clearResult(await propose(clearCommand(range)));
    if (result.next === undefined) return;
    left -= result.removed;
    before ??= result.revision;
    bounds = continueAt(bounds, result.next, options.reverse);
  }
}

/**
 * Removes the keys that a snapshot holds, as Level's implementations do: whatever became of their values since, and nothing that
 * was not there. That takes the keys themselves, in batches.
 */
export async function clearSnapshot(
  propose: Propose,
  snapshot: HoldfastSnapshot,
  options: ClearOptions,
  { maxBatchBytes }: WriteLimits,
): Promise<void> {
  const reader = new RangeReader(snapshot, { ...options, keys: true, values: false });
  try {
    for (;;) {
      const entries = await reader.nextv(MAX_KEYS_PER_CLEAR);
      if (entries.length === 0) return;
      for (const batch of deletions(entries, maxBatchBytes)) {
        await propose(batchCommand(batch));
      }
    }
  } finally {
    await reader.close();
  }
}

function* deletions(
  entries: readonly (readonly [key: Buffer | undefined, value: unknown])[],
  maxBytes: number,
): Generator<KvOperation[]> {
  let batch: KvOperation[] = [];
  let bytes = 0;
  for (const [key] of entries) {
    if (key === undefined) continue;
    const operation: KvOperation = { type: "delete", key };
    bytes += operationBytes(operation);
    if (bytes > maxBytes && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = operationBytes(operation);
    }
    batch.push(operation);
  }
  if (batch.length > 0) yield batch;
}

function boundsOf({ gt, gte, lt, lte }: ClearOptions): ClearRange {
  return {
    ...(gt === undefined ? {} : { gt }),
    ...(gte === undefined ? {} : { gte }),
    ...(lt === undefined ? {} : { lt }),
    ...(lte === undefined ? {} : { lte }),
  };
}

/** The rest of a range, from `next` on. An inclusive bound takes precedence over the exclusive one that it replaces. */
function continueAt(bounds: ClearRange, next: Uint8Array, reverse: boolean): ClearRange {
  return reverse ? { ...bounds, lte: next } : { ...bounds, gte: next };
}

function clearResult(value: unknown): ClearResult {
  if (typeof value === "object" && value !== null && "removed" in value)
    return value as ClearResult;
  throw new HoldfastError("STOPPED", "broken invariant: a clear command has no clear result");
}
