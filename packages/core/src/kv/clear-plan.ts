import type { ClearRange } from "./kv-commands.ts";
import type { StoreLevel } from "./store-engine.ts";
import { dataRange, userKey } from "./store-keys.ts";
import {
  compareRevisions,
  type KnownHeaders,
  readValueHeader,
  type ValueHeader,
} from "./value-header.ts";

/** What a clear command removes. */
export interface ClearPlan {
  readonly removed: readonly Buffer[];
  /** The first key that was not looked at, when the limit ended the scan. */
  readonly next?: Buffer;
}

/** A key that the scan meets. Without a header: it was removed earlier in this call. */
interface Candidate {
  readonly key: Buffer;
  readonly header: ValueHeader | undefined;
}

/** Finds the keys that `range` removes, in the state that the store and `known` together make. */
export async function planClear(
  level: StoreLevel,
  range: ClearRange,
  known: KnownHeaders,
): Promise<ClearPlan> {
  const removed: Buffer[] = [];
  const limit = range.limit ?? Number.POSITIVE_INFINITY;
  let visited = 0;
  for await (const { key, header } of candidates(level, range, known)) {
    if (header === undefined) continue;
    if (visited === limit) return { removed, next: key };
    visited++;
    if (range.before === undefined || compareRevisions(header.modify, range.before) < 0) {
      removed.push(key);
    }
  }
  return { removed };
}

/** The keys of the store and those of `known`, merged in scan order; where both have a key, `known` is right. */
async function* candidates(
  level: StoreLevel,
  range: ClearRange,
  known: KnownHeaders,
): AsyncGenerator<Candidate> {
  const sign = range.reverse === true ? -1 : 1;
  const local = localCandidates(range, known).sort((a, b) => sign * a.key.compare(b.key));
  const iterator = level.iterator({
    ...dataRange(range),
    reverse: range.reverse === true,
    // A header is all that the revision needs, but it comes with the whole value.
    values: range.before !== undefined,
  });
  let at = 0;
  for await (const [storeKey, value] of iterator as AsyncIterable<[Buffer, Buffer | undefined]>) {
    const key = userKey(storeKey);
    let order = 1;
    for (; at < local.length; at++) {
      const candidate = local[at];
      if (candidate === undefined) break;
      order = sign * key.compare(candidate.key);
      if (order < 0) break;
      yield candidate;
      if (order === 0) {
        at++;
        break;
      }
    }
    if (order !== 0) yield { key, header: value === undefined ? UNREAD : readValueHeader(value) };
  }
  for (const candidate of local.slice(at)) yield candidate;
}

/** Stands for a header that nobody will look at. */
const UNREAD: ValueHeader = {
  create: { index: 0, position: 0 },
  modify: { index: 0, position: 0 },
};

function localCandidates(range: ClearRange, known: KnownHeaders): Candidate[] {
  const { gt, gte, lt, lte } = range;
  const found: Candidate[] = [];
  for (const [name, header] of known) {
    const key = Buffer.from(name, "latin1");
    if (gte !== undefined ? key.compare(gte) < 0 : gt !== undefined && key.compare(gt) <= 0)
      continue;
    if (lte !== undefined ? key.compare(lte) > 0 : lt !== undefined && key.compare(lt) >= 0)
      continue;
    found.push({ key, header });
  }
  return found;
}
