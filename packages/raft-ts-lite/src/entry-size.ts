import type { Entry } from "./message.ts";

/**
 * Bytes of an entry on the wire of etcd's raftpb: limits in bytes then mean the same in both, and pages of entries end
 * at the same place.
 */
export function entrySize(entry: Entry): number {
  const length = entry.data.length;
  const data = length === 0 ? 0 : 1 + varintLength(length) + length;
  return 4 + varintLength(entry.term) + varintLength(entry.index) + data;
}

/** The sum of {@link entrySize}. */
export function entriesSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
}

/** Bytes of data alone: what counts as uncommitted and as in flight, so that empty entries are never refused. */
export function payloadsSize(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entry.data.length;
  return size;
}

/** How many of `entries` fit in `maxBytes`: at least one, or a large entry would stop everything behind it. */
export function countWithin(entries: readonly Entry[], maxBytes: number): number {
  if (maxBytes === Infinity) return entries.length;
  let size = 0;
  let count = 0;
  for (const entry of entries) {
    size += entrySize(entry);
    if (size > maxBytes && count > 0) return count;
    count += 1;
  }
  return count;
}

/** Seven bits a byte; by comparison, since the numbers may be wider than 32 bits. */
function varintLength(value: number): number {
  let length = 1;
  for (let limit = 128; value >= limit; limit *= 128) length += 1;
  return length;
}
