import type {
  ForeignOperation,
  HistoryChange,
  HistoryResult,
  ParsedHistory,
} from "@holdfast/testing/history";

/** An operation as it is shown. */
export interface ShownOperation {
  readonly id: number;
  readonly process: number;
  readonly text: string;
  readonly outcome: "ok" | "fail" | "unknown";
  /** Places among the events; `undefined`: it never ended. */
  readonly from: number;
  readonly to: number | undefined;
  /** What the file says of when: lines, and times where it has any. */
  readonly when: string;
}

/** Longer values are cut in the middle. */
const MAX_VALUE = 48;

/** Brings the lines of each operation together for people. */
export function shownOperations(history: ParsedHistory): Map<number, ShownOperation> {
  const shown = new Map<number, ShownOperation>();
  const begun = new Map<number, { operation: ForeignOperation; time: number }>();
  for (const [index, event] of history.events.entries()) {
    const { id, process, time } = event;
    if (event.type === "invoke") {
      begun.set(id, { operation: event.operation, time });
      const text = describe(event.operation, undefined);
      const when = whenOf(history, index, undefined, [time]);
      shown.set(id, { id, process, text, outcome: "unknown", from: index, to: undefined, when });
      continue;
    }
    const open = begun.get(id);
    const first = shown.get(id);
    if (open === undefined || first === undefined) continue;
    const result = event.type === "ok" ? event.result : undefined;
    shown.set(id, {
      ...first,
      text: describe(open.operation, result),
      outcome: event.type,
      to: index,
      when: whenOf(history, first.from, index, [open.time, time]),
    });
  }
  return shown;
}

function whenOf(
  { format, placeOf }: ParsedHistory,
  from: number,
  to: number | undefined,
  times: readonly number[],
): string {
  const last = to === undefined ? "" : (placeOf(to)?.line.toString() ?? "");
  const lines = `lines ${placeOf(from)?.line ?? from}-${last}`;
  if (format !== "holdfast") return lines;
  return `${lines}, ${times.map((time) => time.toFixed(1)).join("-")} ms`;
}

function describe(operation: ForeignOperation, result: HistoryResult | undefined): string {
  const place = placeText(result);
  switch (operation.type) {
    case "get": {
      const name = operation.key === "" ? "read" : `get ${operation.key}`;
      return result?.type === "get" ? `${name} -> ${quote(result.value)}${place}` : name;
    }
    case "scan": {
      const limit = operation.limit === undefined ? "" : `, at most ${operation.limit}`;
      const name = `scan [${operation.from}, ${operation.to})${limit}`;
      if (result?.type !== "scan") return name;
      const entries = result.entries.map(([key, value]) => `${key}=${quote(value)}`);
      return `${name} -> {${entries.join(" ")}}${place}`;
    }
    case "put":
    case "delete":
      return `${describeChange(operation)}${place}`;
    case "append":
      return `append ${operation.key} ${quote(operation.value)}${place}`;
    case "compareAndSet": {
      const key = operation.key === "" ? "" : ` ${operation.key}`;
      return `cas${key} ${quote(operation.expected)} to ${quote(operation.value)}${place}`;
    }
    case "batch":
      return `batch {${operation.changes.map(describeChange).join("; ")}}${place}`;
  }
}

function describeChange(change: HistoryChange): string {
  if (change.type === "delete") return `delete ${change.key}`;
  const name = change.key === "" ? "write" : `put ${change.key}`;
  return `${name} ${quote(change.value)}`;
}

function placeText(result: HistoryResult | undefined): string {
  if (result === undefined) return "";
  if (result.type !== "write") return result.index === undefined ? "" : ` at index ${result.index}`;
  if (result.revision === undefined) return "";
  return `, revision ${result.revision.index}.${result.revision.position}`;
}

function quote(value: string | null): string {
  if (value === null) return "nil";
  if (value.length <= MAX_VALUE) return JSON.stringify(value);
  const half = MAX_VALUE / 2;
  return JSON.stringify(`${value.slice(0, half)}...${value.slice(-half)}`);
}
