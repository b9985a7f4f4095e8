import type { ForeignOperation } from "../history/history.ts";
import type { RecordedOperation } from "../history/operation.ts";

/** What a write leaves at each key that it names: of several changes of one key, the last. `null`: nothing. Empty for what writes nothing. */
export function changesOf(operation: ForeignOperation): ReadonlyMap<string, string | null> {
  switch (operation.type) {
    case "put":
      return new Map([[operation.key, operation.value]]);
    case "delete":
      return new Map([[operation.key, null]]);
    case "batch":
      return new Map(
        operation.changes.map((one) => [one.key, one.type === "put" ? one.value : null]),
      );
    case "get":
    case "scan":
    case "append":
    case "compareAndSet":
      return new Map();
  }
}

/**
 * What a read says of each key; of a scan, for all of `keys` in its range, in order, as it also says which of them are missing, up to
 * the last one that it gave where its limit cut it off.
 */
export function seenBy(
  { operation, result }: RecordedOperation,
  keys: readonly string[],
): [key: string, value: string | null][] {
  if (operation.type === "get" && result?.type === "get") return [[operation.key, result.value]];
  if (operation.type !== "scan" || result?.type !== "scan") return [];
  const { from, to, limit = Infinity } = operation;
  const last = result.entries.length >= limit ? result.entries.at(-1)?.[0] : undefined;
  const seen = new Map<string, string | null>();
  for (const key of keys) {
    if (key >= from && key < to && (last === undefined ? limit > 0 : key <= last)) {
      seen.set(key, null);
    }
  }
  for (const [key, value] of result.entries) seen.set(key, value);
  return [...seen];
}

/** Whether what a scan gave is in its range, in order, and within its limit. */
export function isWellFormedScan({ operation, result }: RecordedOperation): boolean {
  if (operation.type !== "scan" || result?.type !== "scan") return true;
  const { from, to, limit = Infinity } = operation;
  const { entries } = result;
  if (entries.length > limit) return false;
  return entries.every(([key], at) => {
    const before = entries[at - 1]?.[0];
    return key >= from && key < to && (before === undefined || before < key);
  });
}
