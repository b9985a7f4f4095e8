import type { ForeignOperation, HistoryEvent } from "../../src/history/history.ts";
import { pairOperations, type RecordedOperation } from "../../src/history/operation.ts";

type State = ReadonlyMap<string, string>;

/**
 * Tries every order of the operations that real time allows, and with `withPlaces` also revisions and indexes. As it stands in the definition, for what is
 * compared with it.
 */
export function isLinearizable(
  events: readonly HistoryEvent<ForeignOperation>[],
  { withPlaces = false }: { readonly withPlaces?: boolean } = {},
): boolean {
  const { operations } = pairOperations(events);
  const tried = new Set<string>();
  const goOn = (left: readonly RecordedOperation[], state: State, place: number): boolean => {
    if (left.every(({ end }) => end === Infinity)) return true;
    const point = JSON.stringify([left.map(({ id }) => id), [...state].sort(), place]);
    if (tried.has(point)) return false;
    tried.add(point);
    const firstEnd = Math.min(...left.map(({ end }) => end));
    return left.some((operation) => {
      if (operation.call > firstEnd) return false;
      const own = withPlaces ? placeOf(operation) : undefined;
      if (own !== undefined && own < place) return false;
      const isWrite = operation.result?.type === "write";
      if (own !== undefined && isWrite && own === place) return false;
      const next = after(state, operation);
      const rest = left.filter((other) => other !== operation);
      return next !== undefined && goOn(rest, next, own ?? placeAfter(place, operation));
    });
  };
  return goOn(operations, new Map(), -1);
}

/** An index names one state: behind a write that does not say where it stands, no read is at the index of the read before it. */
function placeAfter(place: number, { operation: { type } }: RecordedOperation): number {
  const isRead = type === "get" || type === "scan";
  return isRead || place % 1 < 0.5 ? place : Math.floor(place) + 0.9995;
}

/** Places as one number: of a read, behind every position of its index. */
function placeOf({ result }: RecordedOperation): number | undefined {
  if (result === undefined) return undefined;
  if (result.type !== "write") {
    return result.index === undefined ? undefined : result.index + 0.999;
  }
  return result.revision && result.revision.index + result.revision.position / 1000;
}

function after(state: State, { operation, result }: RecordedOperation): State | undefined {
  const next = new Map(state);
  switch (operation.type) {
    case "put":
      return next.set(operation.key, operation.value);
    case "append":
      return next.set(operation.key, (state.get(operation.key) ?? "") + operation.value);
    case "delete":
      next.delete(operation.key);
      return next;
    case "compareAndSet":
      if ((state.get(operation.key) ?? null) !== operation.expected) return undefined;
      return next.set(operation.key, operation.value);
    case "batch":
      for (const change of operation.changes) {
        if (change.type === "put") next.set(change.key, change.value);
        else next.delete(change.key);
      }
      return next;
    case "get":
      if (result?.type !== "get") return state;
      return (state.get(operation.key) ?? null) === result.value ? state : undefined;
    case "scan": {
      if (result?.type !== "scan") return state;
      const { from, to, limit } = operation;
      const entries = [...state].filter(([key]) => key >= from && key < to).sort();
      const seen = JSON.stringify(entries.slice(0, limit));
      return seen === JSON.stringify(result.entries) ? state : undefined;
    }
  }
}
