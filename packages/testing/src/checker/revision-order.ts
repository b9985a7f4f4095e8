import type { HistoryRevision } from "../history/history.ts";
import type { RecordedOperation } from "../history/operation.ts";

/** The revision of a write; of a read, the end of the last entry that it saw. */
export type Place = HistoryRevision;

/** Before everything. */
export const BEGINNING: Place = { index: -1, position: 0 };
/** Behind everything. */
export const END: Place = { index: Infinity, position: Infinity };

/** Ascending. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.index !== b.index) return a.index < b.index ? -1 : 1;
  return a.position === b.position ? 0 : a.position < b.position ? -1 : 1;
}

/** For people. */
export function showPlace({ index, position }: Place): string {
  return position === Infinity ? index.toString() : `${index}.${position}`;
}

/** Where its result says that an operation stands. `undefined`: it does not say. */
export function placeOf({ result }: RecordedOperation): Place | undefined {
  if (result === undefined) return undefined;
  if (result.type === "write") return result.revision;
  return result.index === undefined ? undefined : endOf(result.index);
}

/** Behind all commands of an entry. */
function endOf(index: number): Place {
  return { index, position: Infinity };
}

/** An operation that says where it stands. */
export interface PlacedOperation {
  readonly recorded: RecordedOperation;
  readonly place: Place;
}

/** Two operations of which the second began when the first had ended, and stands before it nevertheless. */
export interface Inversion {
  readonly first: PlacedOperation;
  readonly second: PlacedOperation;
}

/** What real time says of where operations stand. */
export interface RealTimeBounds {
  readonly inversion: Inversion | undefined;
  /** For each operation, the last place of all that had ended when it began. */
  readonly lowest: ReadonlyMap<RecordedOperation, Place>;
  /** For each operation, the first place of all that began when it had ended. */
  readonly highest: ReadonlyMap<RecordedOperation, Place>;
}

/** One sweep forward and one back over the events, beside sorting them. `operations` in the order in which they began. */
export function realTimeBounds(operations: readonly RecordedOperation[]): RealTimeBounds {
  const byEnd = operations.filter(({ end }) => end !== Infinity).sort((a, b) => a.end - b.end);
  const lowest = new Map<RecordedOperation, Place>();
  let inversion: Inversion | undefined;
  let last: PlacedOperation | undefined;
  let ended = 0;
  for (const recorded of operations) {
    for (; (byEnd[ended]?.end ?? Infinity) < recorded.call; ended += 1) {
      const done = placed(byEnd[ended]);
      if (done === undefined) continue;
      if (last === undefined || comparePlaces(done.place, last.place) > 0) last = done;
    }
    lowest.set(recorded, last?.place ?? BEGINNING);
    const second = placed(recorded);
    if (second === undefined || last === undefined || inversion !== undefined) continue;
    const isWrite = recorded.result?.type === "write";
    const order = comparePlaces(second.place, last.place);
    // Two reads may see the same state; a write never stands where something that had ended stands.
    if (order < 0 || (isWrite && order === 0)) inversion = { first: last, second };
  }
  return { inversion, lowest, highest: highestPlaces(operations, byEnd) };
}

function highestPlaces(
  operations: readonly RecordedOperation[],
  byEnd: readonly RecordedOperation[],
): ReadonlyMap<RecordedOperation, Place> {
  const highest = new Map<RecordedOperation, Place>();
  let first = END;
  let begun = operations.length;
  for (const recorded of [...byEnd].reverse()) {
    for (; (operations[begun - 1]?.call ?? -1) > recorded.end; begun -= 1) {
      const after = placed(operations[begun - 1]);
      if (after !== undefined && comparePlaces(after.place, first) < 0) first = after.place;
    }
    highest.set(recorded, first);
  }
  return highest;
}

function placed(recorded: RecordedOperation | undefined): PlacedOperation | undefined {
  const place = recorded === undefined ? undefined : placeOf(recorded);
  return recorded === undefined || place === undefined ? undefined : { recorded, place };
}
