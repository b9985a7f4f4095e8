import type { RecordedOperation } from "../history/operation.ts";
import { changesOf, isWellFormedScan, seenBy } from "./observations.ts";
import {
  BEGINNING,
  comparePlaces,
  END,
  type Inversion,
  type Place,
  placeOf,
  realTimeBounds,
  showPlace,
} from "./revision-order.ts";
import { type Mismatch, nameMismatch } from "./revision-violation.ts";

/** How a history contradicts its own revisions. */
export interface RevisionViolation {
  readonly reason: string;
  readonly operations: readonly RecordedOperation[];
  readonly states: readonly string[];
}

/** What a replay found. */
export interface Replay {
  readonly violation: RevisionViolation | undefined;
  /** Every result says where it stands and is what the replay gives there: the order of revisions is a linearization. */
  readonly explainsAll: boolean;
}

/** A value that a write left at a key. */
export interface Written {
  /** `null`: deleted. */
  readonly value: string | null;
  readonly place: Place;
  /** `undefined`: nobody, it is the beginning. */
  readonly writer: RecordedOperation | undefined;
}

/** A write that does not say where it stands, and what is known of that: behind `low`, and not behind `high`. */
interface Unplaced {
  readonly recorded: RecordedOperation;
  readonly changes: ReadonlyMap<string, string | null>;
  low: Place;
  high: Place;
}

/** What a read saw at one key, and what the writes that say where they stand left there. */
interface Look {
  readonly read: RecordedOperation;
  readonly place: Place;
  readonly value: string | null;
  readonly expected: Written;
}

const NOTHING: Written = { value: null, place: BEGINNING, writer: undefined };

/**
 * Replays the writes of a history in the order of their revisions, against real time and against what reads saw at their indexes. Beside the sorting it takes
 * one sweep. Writes that do not say where they stand (their outcome is unknown, or their client was not told) may stand
 * wherever real time allows, and what reads saw of them narrows that down; as long as one such place is left, nothing is held against the history.
 */
export function replayRevisions(
  operations: readonly RecordedOperation[],
  failed: readonly RecordedOperation[],
): Replay {
  const isForeign = operations.some(
    ({ operation: { type } }) => type === "append" || type === "compareAndSet",
  );
  if (isForeign || operations.every((one) => placeOf(one) === undefined)) {
    return { violation: undefined, explainsAll: false };
  }
  const { inversion, lowest, highest } = realTimeBounds(operations);
  if (inversion !== undefined) return { violation: nameInversion(inversion), explainsAll: false };
  const unplaced: Unplaced[] = [];
  for (const recorded of operations) {
    const changes = changesOf(recorded.operation);
    if (changes.size === 0 || placeOf(recorded) !== undefined) continue;
    const low = lowest.get(recorded) ?? BEGINNING;
    unplaced.push({ recorded, changes, low, high: highest.get(recorded) ?? END });
  }
  return new RevisionReplay(operations, failed, unplaced).run();
}

class RevisionReplay {
  readonly #operations: readonly RecordedOperation[];
  readonly #failed: readonly RecordedOperation[];
  readonly #unplaced: readonly Unplaced[];
  /** By key, then by value. */
  readonly #writersOf = new Map<string, Map<string | null, Unplaced[]>>();
  readonly #state = new Map<string, Written>();
  readonly #looks = new Map<string, Look[]>();
  #isExplained = true;

  constructor(
    operations: readonly RecordedOperation[],
    failed: readonly RecordedOperation[],
    unplaced: readonly Unplaced[],
  ) {
    this.#operations = operations;
    this.#failed = failed;
    this.#unplaced = unplaced;
    for (const one of unplaced) {
      for (const [key, value] of one.changes) {
        const values = getOrAdd(this.#writersOf, key, () => new Map<string | null, Unplaced[]>());
        getOrAdd(values, value, () => []).push(one);
      }
    }
  }

  run(): Replay {
    const violation = this.#replay() ?? this.#findLost();
    const isPlaced = this.#operations.every((one) => {
      return one.result === undefined || (placeOf(one) !== undefined && isWellFormedScan(one));
    });
    return { violation, explainsAll: violation === undefined && isPlaced && this.#isExplained };
  }

  #replay(): RevisionViolation | undefined {
    const steps = this.#operations.flatMap((recorded) => {
      const place = placeOf(recorded);
      return place === undefined ? [] : [{ recorded, place }];
    });
    steps.sort((a, b) => comparePlaces(a.place, b.place));
    let last: (typeof steps)[number] | undefined;
    for (const step of steps) {
      const { recorded, place } = step;
      if (recorded.result?.type === "write") {
        if (last !== undefined && comparePlaces(last.place, place) === 0) {
          return {
            reason: `two writes have the revision ${showPlace(place)}`,
            operations: [last.recorded, recorded],
            states: [],
          };
        }
        last = step;
        for (const [key, value] of changesOf(recorded.operation)) {
          this.#state.set(key, { value, place, writer: recorded });
        }
      } else {
        const violation = this.#look(recorded, place);
        if (violation !== undefined) return violation;
      }
    }
    return undefined;
  }

  #look(read: RecordedOperation, place: Place): RevisionViolation | undefined {
    for (const [key, value] of seenBy(read, this.#keys())) {
      const expected = this.#state.get(key) ?? NOTHING;
      getOrAdd(this.#looks, key, () => []).push({ read, place, value, expected });
      if (value === expected.value) continue;
      this.#isExplained = false;
      const violation = this.#explain(key, { read, place, value, expected });
      if (violation !== undefined) return violation;
    }
    return undefined;
  }

  /** A read saw what no write that says where it stands had left: it must be one of the others. */
  #explain(key: string, look: Look): RevisionViolation | undefined {
    const writers = (this.#writersOf.get(key)?.get(look.value) ?? []).filter(
      ({ recorded, low, high }) =>
        recorded.call < look.read.end &&
        comparePlaces(low, look.place) < 0 &&
        comparePlaces(look.expected.place, high) < 0,
    );
    const [only] = writers;
    if (only === undefined) return nameMismatch(this.#mismatch(key, look));
    if (writers.length > 1) return undefined;
    // Behind the last one that says where it stands, or that would show; and not behind what this read saw. Each of both leaves a place, so both do.
    only.low = later(only.low, look.expected.place);
    only.high = earlier(only.high, look.place);
    return undefined;
  }

  /** A write that certainly stood between what a read shows and the read itself: the read should have shown it. */
  #findLost(): RevisionViolation | undefined {
    for (const { recorded, changes, low, high } of this.#unplaced) {
      if (high.index === Infinity) continue;
      for (const [key, value] of changes) {
        for (const look of this.#looks.get(key) ?? []) {
          // The reads are in the order of their places, and what is expected of them as well.
          if (comparePlaces(look.expected.place, low) > 0) break;
          if (comparePlaces(look.place, high) < 0 || look.value === value) continue;
          const others = this.#writersOf.get(key)?.get(look.value) ?? [];
          if (others.length > 0) continue;
          const written = { value, place: high, writer: recorded };
          return nameMismatch(this.#mismatch(key, { ...look, expected: written }));
        }
      }
    }
    return undefined;
  }

  #mismatch(key: string, look: Look): Mismatch {
    const { read, value, expected } = look;
    const all = { operations: this.#operations, failed: this.#failed };
    return { key, read, place: look.place, value, expected, ...all };
  }

  #keys(): readonly string[] {
    this.#allKeys ??= [
      ...new Set(this.#operations.flatMap(({ operation }) => [...changesOf(operation).keys()])),
    ].sort();
    return this.#allKeys;
  }
  #allKeys: readonly string[] | undefined;
}

function nameInversion({ first, second }: Inversion): RevisionViolation {
  const firstIsWrite = first.recorded.result?.type === "write";
  const secondIsWrite = second.recorded.result?.type === "write";
  const did = firstIsWrite
    ? `a write with the revision ${showPlace(first.place)} had ended`
    : `a read had seen the index ${showPlace(first.place)}`;
  const does = secondIsWrite
    ? `a write began that has the revision ${showPlace(second.place)}`
    : `a read began that saw only the index ${showPlace(second.place)}`;
  const name = secondIsWrite ? "revisions go back" : firstIsWrite ? "stale read" : "reads go back";
  return {
    reason: `${name}: ${did} when ${does}`,
    operations: [first.recorded, second.recorded],
    states: [],
  };
}

function later(a: Place, b: Place): Place {
  return comparePlaces(a, b) < 0 ? b : a;
}

function earlier(a: Place, b: Place): Place {
  return comparePlaces(a, b) < 0 ? a : b;
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
