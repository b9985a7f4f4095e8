import type { HistoryChange, HistoryEvent, HistoryRevision } from "@holdfast/testing/history";
import type { Row } from "./protocol.ts";

/** A change that a client was told of, or may have made. */
interface Change {
  readonly value: string | null;
  /** `undefined`: nobody was told whether it took place. */
  readonly revision: HistoryRevision | undefined;
}

/** The last thing that was acknowledged for a key, and everything that may have come after it. */
interface Expectation {
  acknowledged: { readonly value: string | null; readonly revision: HistoryRevision } | undefined;
  readonly open: (string | null)[];
}

/** What a history promises of the state at its end. */
export class Promises {
  readonly acknowledgedWrites: number;
  readonly #keys = new Map<string, Expectation>();

  constructor(events: readonly HistoryEvent[]) {
    const invoked = new Map<number, readonly HistoryChange[]>();
    let acknowledged = 0;
    for (const event of events) {
      if (event.type === "invoke") {
        const { operation } = event;
        if (operation.type === "batch") invoked.set(event.id, operation.changes);
        else if (operation.type === "put" || operation.type === "delete") {
          invoked.set(event.id, [operation]);
        }
        continue;
      }
      const changes = invoked.get(event.id);
      if (changes === undefined) continue;
      invoked.delete(event.id);
      if (event.type === "fail") continue;
      const result = event.type === "ok" ? event.result : undefined;
      if (result?.type === "write") acknowledged++;
      const revision = result?.type === "write" ? result.revision : undefined;
      for (const change of changes) this.#add(change, revision);
    }
    for (const changes of invoked.values())
      for (const change of changes) this.#add(change, undefined);
    this.acknowledgedWrites = acknowledged;
  }

  /** What a replica that holds `rows`, and nothing else, has lost or made up. */
  broken(rows: readonly Row[]): string[] {
    const found = new Map(rows.map((row) => [row.key, row]));
    const complaints: string[] = [];
    for (const [key, expected] of this.#keys) {
      const complaint = mismatch(expected, found.get(key));
      if (complaint !== undefined) complaints.push(`${key}: ${complaint}`);
    }
    for (const { key } of rows) {
      if (!this.#keys.has(key)) complaints.push(`${key}: nobody wrote it`);
    }
    return complaints;
  }

  #add(change: HistoryChange, revision: HistoryRevision | undefined): void {
    const value = change.type === "put" ? change.value : null;
    const expected = this.#keys.get(change.key) ?? { acknowledged: undefined, open: [] };
    this.#keys.set(change.key, expected);
    this.#note(expected, { value, revision });
  }

  #note(expected: Expectation, { value, revision }: Change): void {
    if (revision === undefined) expected.open.push(value);
    else if (
      expected.acknowledged === undefined ||
      compare(revision, expected.acknowledged.revision) >= 0
    ) {
      // At equal revisions it is a later change of the same batch.
      expected.acknowledged = { value, revision };
    }
  }
}

function compare(a: HistoryRevision, b: HistoryRevision): number {
  return a.index - b.index || a.position - b.position;
}

function mismatch({ acknowledged, open }: Expectation, row: Row | undefined): string | undefined {
  const value = row?.value ?? null;
  const want = acknowledged?.value ?? null;
  const at = acknowledged?.revision;
  if (row !== undefined && at !== undefined && compare(row.modify, at) < 0) {
    return `is as at ${show(row.modify)}, but a write was acknowledged at ${show(at)}`;
  }
  if (row !== undefined && at !== undefined && compare(row.modify, at) === 0) {
    return value === want ? undefined : `is ${brief(value)}, acknowledged was ${brief(want)}`;
  }
  if (value === want && row === undefined) return undefined;
  // Later than all that was acknowledged, or never acknowledged at all: then somebody must have asked for it.
  if (open.includes(value)) return undefined;
  return `is ${brief(value)}, acknowledged was ${brief(want)}, and nobody else wrote it`;
}

function show({ index, position }: HistoryRevision): string {
  return `${index}.${position}`;
}

function brief(value: string | null): string {
  if (value === null) return "absent";
  return value.length <= 24 ? `"${value}"` : `"${value.slice(0, 20)}…"`;
}
