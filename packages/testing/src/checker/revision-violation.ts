import type { RecordedOperation } from "../history/operation.ts";
import { changesOf, seenBy } from "./observations.ts";
import { comparePlaces, type Place, placeOf, showPlace } from "./revision-order.ts";
import type { RevisionViolation, Written } from "./revision-replay.ts";

/** A read that saw at one key something else than the replay has there. */
export interface Mismatch {
  readonly key: string;
  readonly read: RecordedOperation;
  readonly place: Place;
  readonly value: string | null;
  readonly expected: Written;
  readonly operations: readonly RecordedOperation[];
  readonly failed: readonly RecordedOperation[];
}

/** Says what a mismatch is, by where the value that was seen comes from. */
export function nameMismatch(mismatch: Mismatch): RevisionViolation {
  const { key, read, place, value, expected, operations, failed } = mismatch;
  const saw = `at index ${showPlace(place)} a read saw ${show(value)} at ${JSON.stringify(key)}`;
  const state = `${key}=${show(expected.value)}`;
  const told = (
    name: string,
    why: string,
    others: (RecordedOperation | undefined)[],
  ): RevisionViolation => ({
    reason: `${name}: ${saw}, ${why}`,
    operations: [...others, read].filter((one) => one !== undefined),
    states: [state],
  });
  const sources = operations.filter(({ operation }) => changesOf(operation).get(key) === value);
  if (value !== null && sources.length === 0) {
    const refused = failed.find(({ operation }) => changesOf(operation).get(key) === value);
    if (refused !== undefined) {
      return told("effect of a failed write", "which only a write gave it that failed", [refused]);
    }
    return told("phantom value", "which nobody ever wrote there", []);
  }
  const { writer } = expected;
  if (writer === undefined) {
    return told("value from the future", "where nothing was written yet", sources.slice(0, 1));
  }
  const replaced = `which ${show(expected.value)} of a later write had replaced`;
  const shown = firstSight(mismatch, writer);
  if (shown !== undefined && shown.key !== key) {
    const torn = `while ${JSON.stringify(shown.key)} showed the same atomic write`;
    return told("torn batch", torn, [writer, ...(shown.read === read ? [] : [shown.read])]);
  }
  if (value === null)
    return told("lost write", `where ${show(expected.value)} was written`, [writer]);
  const after = sources.find((one) => isBehind(placeOf(one), place));
  const before = sources.find((one) => !isBehind(placeOf(one), place));
  if (before === undefined) {
    return told("value from the future", "which was written later", [writer, after]);
  }
  if (shown !== undefined) {
    const again = `which came back after it had been replaced: a write applied twice, or undone`;
    return told("duplicate apply", again, [before, writer, shown.read]);
  }
  return told("lost write", replaced, [before, writer]);
}

function isBehind(place: Place | undefined, other: Place): boolean {
  return place !== undefined && comparePlaces(place, other) > 0;
}

/** A read, at or before the place of the mismatch, that shows what `writer` wrote: preferably itself, and at another key. */
function firstSight(
  { read, place, operations }: Mismatch,
  writer: RecordedOperation,
): { readonly read: RecordedOperation; readonly key: string } | undefined {
  const changes = changesOf(writer.operation);
  for (const other of [read, ...operations]) {
    const at = placeOf(other);
    if (at === undefined || comparePlaces(at, place) > 0) continue;
    for (const [key, value] of seenBy(other, [])) {
      if (value !== null && changes.get(key) === value) return { read: other, key };
    }
  }
  return undefined;
}

function show(value: string | null): string {
  return value === null ? "nil" : JSON.stringify(value);
}
