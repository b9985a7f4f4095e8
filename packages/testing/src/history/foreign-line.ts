import { type EdnValue, isList } from "./edn.ts";
import type { UnnumberedEvent } from "./event-builder.ts";
import type { ForeignOperation, HistoryEvent, HistoryResult } from "./history.ts";
import { HistoryError, type HistoryPlace } from "./history-error.ts";

/** What a line says, in whatever clothes. */
interface ForeignLine {
  readonly name: string;
  readonly type: HistoryEvent["type"];
  /** `undefined`: the line has no place for a key. */
  readonly key: string | undefined;
  readonly value: EdnValue;
}

/** What the operations are called, here and there. */
const NAMES: ReadonlyMap<string, ForeignOperation["type"]> = new Map([
  ["read", "get"],
  ["get", "get"],
  ["write", "put"],
  ["put", "put"],
  ["append", "append"],
  ["cas", "compareAndSet"],
  ["delete", "delete"],
  ["del", "delete"],
]);

/** The one key of a history without keys. */
const ONLY_KEY = "";

/**
 * Makes operation and result of a line of Jepsen's kind. A value may be a pair of key and value, as its independent generators write them. What a
 * line holds that says how an operation failed is of no interest.
 */
export function foreignLine(
  { name, type, key, value }: ForeignLine,
  place: HistoryPlace,
): Pick<UnnumberedEvent, "name" | "type" | "operation" | "result"> {
  const operationType = NAMES.get(name);
  if (operationType === undefined) {
    throw new HistoryError("SYNTAX", `unknown operation (${name})`, place);
  }
  const parts = { name, place, type: operationType, ...split(operationType, key, value) };
  const operation = type === "invoke" ? operationOf(parts) : undefined;
  const result = type === "ok" ? resultOf(parts) : undefined;
  return { name: operationType, type, operation, result };
}

interface Parts {
  readonly name: string;
  readonly place: HistoryPlace;
  readonly type: ForeignOperation["type"];
  readonly key: string;
  readonly value: EdnValue;
}

function split(
  type: ForeignOperation["type"],
  key: string | undefined,
  value: EdnValue,
): Pick<Parts, "key" | "value"> {
  if (key !== undefined) return { key, value };
  if (isList(value) && value.length === 2) {
    const [first = null, second = null] = value;
    const isPair = type === "compareAndSet" ? isList(second) : true;
    const named = scalar(first);
    if (isPair && named !== undefined && named !== null) return { key: named, value: second };
  }
  return { key: ONLY_KEY, value };
}

function operationOf(parts: Parts): ForeignOperation {
  const { type, key, value } = parts;
  switch (type) {
    case "get":
    case "delete":
      return { type, key };
    case "put":
    case "append":
      return { type, key, value: written(parts, value) };
    case "compareAndSet": {
      if (!isList(value) || value.length !== 2) throw unreadable(parts);
      const [expected, next] = value;
      return { type, key, expected: held(parts, expected), value: written(parts, next) };
    }
    case "batch":
    case "scan":
      throw unreadable(parts);
  }
}

function resultOf(parts: Parts): HistoryResult {
  if (parts.type !== "get") return { type: "write" };
  return { type: "get", value: held(parts, parts.value) };
}

function held(parts: Parts, value: EdnValue | undefined): string | null {
  const text = scalar(value);
  if (text === undefined) throw unreadable(parts);
  return text;
}

function written(parts: Parts, value: EdnValue | undefined): string {
  const text = held(parts, value);
  if (text === null) throw unreadable(parts);
  return text;
}

function unreadable({ name, place }: Parts): HistoryError {
  return new HistoryError("SYNTAX", `not a value of an operation (${name})`, place);
}

/** A value as text; `undefined` for what has parts. */
export function scalar(value: EdnValue | undefined): string | null | undefined {
  if (value === null || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === undefined || isList(value) || !("keyword" in value)) return undefined;
  return `:${value.keyword}`;
}
