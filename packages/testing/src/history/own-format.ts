import { z } from "zod";
import type { ParsedHistory } from "./event-builder.ts";
import { HISTORY_HEADER, type HistoryEvent } from "./history.ts";
import { HistoryError, type HistoryPlace } from "./history-error.ts";

const key = z.string();
const value = z.string();
const count = z.int().nonnegative();

const change = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("put"), key, value }),
  z.strictObject({ type: z.literal("delete"), key }),
]);

const operation = z.discriminatedUnion("type", [
  ...change.options,
  z.strictObject({ type: z.literal("get"), key }),
  z.strictObject({ type: z.literal("batch"), changes: z.array(change) }),
  z.strictObject({
    type: z.literal("scan"),
    from: z.string(),
    to: z.string(),
    limit: count.exactOptional(),
  }),
]);

const result = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("write"),
    revision: z.strictObject({ index: count, position: count }).exactOptional(),
  }),
  z.strictObject({
    type: z.literal("get"),
    value: value.nullable(),
    index: count.exactOptional(),
  }),
  z.strictObject({
    type: z.literal("scan"),
    entries: z.array(z.tuple([key, value])),
    index: count.exactOptional(),
  }),
]);

const head = { id: z.int(), process: z.int(), time: z.number() };

const event = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("invoke"), ...head, operation }),
  z.strictObject({ type: z.literal("ok"), ...head, result }),
  z.strictObject({
    type: z.enum(["fail", "unknown"]),
    ...head,
    reason: z.string().exactOptional(),
  }),
]);

/** Whether a first line is that of our own format, of whatever version. */
export function isOwnHeader(line: string): boolean {
  return line.startsWith('{"format":');
}

/** Reads our own format: a header, and then a line for each event. */
export function parseOwnHistory(file: string, lines: readonly string[]): ParsedHistory {
  const events: HistoryEvent[] = [];
  const places: HistoryPlace[] = [];
  for (const [at, text] of lines.entries()) {
    const place = { file, line: at + 1 };
    if (at === 0) {
      if (text === HISTORY_HEADER) continue;
      throw new HistoryError("FORMAT", `first line is not ${HISTORY_HEADER}`, place);
    }
    if (text.trim() === "") continue;
    const parsed = event.safeParse(parseJson(text, place));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const path = issue === undefined ? "" : issue.path.map(String).join(".");
      const problem = `${path === "" ? "event" : path}: ${issue?.message ?? "invalid"}`;
      throw new HistoryError("SYNTAX", problem, place, parsed.error);
    }
    events.push(parsed.data);
    places.push(place);
  }
  const placeOf = (index: number): HistoryPlace | undefined => places[index];
  return { format: "holdfast", events, model: "kv", missing: null, placeOf };
}

/** The text of a file in our own format. Reading it gives the same events. */
export function formatHistory(events: readonly HistoryEvent[]): string {
  return [HISTORY_HEADER, ...events.map((one) => JSON.stringify(one)), ""].join("\n");
}

function parseJson(text: string, place: HistoryPlace): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HistoryError("SYNTAX", "not JSON: a line may be cut off", place, error);
  }
}
