import type { HistoryEvent, HistoryOperation, HistoryResult } from "../../src/history/history.ts";
import { HistoryRecorder } from "../../src/history/recorder.ts";

/** What became of one operation of a history whose operations come one after the other. */
export type Done =
  | readonly [operation: HistoryOperation, result: HistoryResult]
  | readonly [operation: HistoryOperation, outcome: "fail" | "unknown"];

/** A history of operations that do not overlap, each of a process of its own. */
export function historyOf(...done: readonly Done[]): readonly HistoryEvent[] {
  let now = 0;
  const recorder = new HistoryRecorder({ now: () => (now += 1) });
  for (const [process, [operation, outcome]] of done.entries()) {
    const id = recorder.invoke(process, operation);
    if (outcome === "fail") recorder.fail(id);
    else if (outcome === "unknown") recorder.unknown(id);
    else recorder.ok(id, outcome);
  }
  return recorder.events;
}

/** A write at a revision, by index and position. */
export function at(index: number, position = 0): HistoryResult {
  return { type: "write", revision: { index, position } };
}

/** A get that saw a value, perhaps at an index. */
export function saw(value: string | null, index?: number): HistoryResult {
  return index === undefined ? { type: "get", value } : { type: "get", value, index };
}

export function put(key: string, value: string): HistoryOperation {
  return { type: "put", key, value };
}

export function get(key: string): HistoryOperation {
  return { type: "get", key };
}

export function putAll(entries: Readonly<Record<string, string>>): HistoryOperation {
  const changes = Object.entries(entries).map(
    ([key, value]) => ({ type: "put", key, value }) as const,
  );
  return { type: "batch", changes };
}

/** A scan of everything between "a" and "z". */
export const SCAN: HistoryOperation = { type: "scan", from: "a", to: "z" };

export function scanned(entries: Readonly<Record<string, string>>, index?: number): HistoryResult {
  const found = { type: "scan", entries: Object.entries(entries) } as const;
  return index === undefined ? found : { ...found, index };
}
