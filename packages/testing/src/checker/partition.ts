import type { RecordedOperation } from "../history/operation.ts";

/** Operations that can be judged without all the others: no key of theirs is touched by any other operation. */
export interface Partition {
  readonly keys: readonly string[];
  readonly operations: readonly RecordedOperation[];
}

/**
 * Splits a history into its smallest independent parts: linearizability is local (Herlihy and Wing, "Linearizability: a correctness
 * condition for concurrent objects", section 3.3), so the whole is linearizable exactly if every part is. A batch joins its keys; a scan joins those of its
 * range that occur anywhere, as it also says which of them are missing.
 */
export function partition(operations: readonly RecordedOperation[]): Partition[] {
  const keys = new KeySets();
  for (const { operation, result } of operations) {
    for (const key of ownKeys(operation)) keys.add(key);
    if (result?.type === "scan") for (const [key] of result.entries) keys.add(key);
  }
  const sorted = keys.sorted();
  for (const { operation, result } of operations) {
    keys.join(ownKeys(operation));
    if (operation.type === "scan" && result?.type === "scan") {
      keys.join(result.entries.map(([key]) => key).concat(inRange(sorted, operation)));
    }
  }
  const parts = new Map<string, { keys: string[]; operations: RecordedOperation[] }>();
  for (const key of sorted) {
    const root = keys.rootOf(key);
    const part = parts.get(root);
    if (part === undefined) parts.set(root, { keys: [key], operations: [] });
    else part.keys.push(key);
  }
  for (const recorded of operations) {
    const [first] = touchedKeys(recorded, sorted);
    if (first !== undefined) parts.get(keys.rootOf(first))?.operations.push(recorded);
  }
  return [...parts.values()];
}

function touchedKeys({ operation, result }: RecordedOperation, sorted: string[]): string[] {
  if (operation.type !== "scan") return ownKeys(operation);
  // A scan of unknown outcome says nothing, and changes nothing.
  if (result?.type !== "scan") return [];
  return [...result.entries.map(([key]) => key), ...inRange(sorted, operation)];
}

function ownKeys(operation: RecordedOperation["operation"]): string[] {
  switch (operation.type) {
    case "get":
    case "put":
    case "delete":
    case "append":
    case "compareAndSet":
      return [operation.key];
    case "batch":
      return operation.changes.map(({ key }) => key);
    case "scan":
      return [];
  }
}

function inRange(sorted: string[], { from, to }: { from: string; to: string }): string[] {
  return sorted.slice(firstAtLeast(sorted, from), firstAtLeast(sorted, to));
}

function firstAtLeast(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Disjoint sets of keys, by union and find with halved paths. */
class KeySets {
  readonly #parents = new Map<string, string>();

  add(key: string): void {
    if (!this.#parents.has(key)) this.#parents.set(key, key);
  }

  /** In order of their code units. */
  sorted(): string[] {
    return [...this.#parents.keys()].sort();
  }

  join(keys: readonly string[]): void {
    const [first] = keys;
    if (first === undefined) return;
    for (const key of keys) this.#parents.set(this.rootOf(key), this.rootOf(first));
  }

  rootOf(key: string): string {
    let at = key;
    for (;;) {
      const parent = this.#parents.get(at) ?? at;
      if (parent === at) return at;
      const above = this.#parents.get(parent) ?? parent;
      this.#parents.set(at, above);
      at = above;
    }
  }
}
