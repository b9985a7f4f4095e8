import { type DatabaseNode, HoldfastError, type HoldfastErrorCode } from "@holdfast/core";
import type { HistoryChange, HistoryOperation, HistoryResult } from "@holdfast/testing/history";
import type { Outcome, Row } from "./protocol.ts";

/** What a write that ended with one of these did not do, and never will (docs: README, "Errors"). */
const WITHOUT_EFFECT: ReadonlySet<HoldfastErrorCode> = new Set([
  "NOT_COMMITTED",
  "OVERLOADED",
  "TOO_LARGE",
]);

/** Carries out one operation of a history on a node, and says what its client may conclude. */
export async function perform(node: DatabaseNode, operation: HistoryOperation): Promise<Outcome> {
  try {
    return { type: "ok", result: await resultOf(node, operation) };
  } catch (error) {
    const code = codeOf(error);
    // Not a failure that the node promises: a mistake of this program, or of the node.
    if (code === undefined) throw error;
    const reason = `${code}: ${String(error)}`;
    const isRead = operation.type === "get" || operation.type === "scan";
    return { type: isRead || WITHOUT_EFFECT.has(code) ? "fail" : "unknown", reason };
  }
}

async function resultOf(node: DatabaseNode, operation: HistoryOperation): Promise<HistoryResult> {
  switch (operation.type) {
    case "put":
    case "delete":
      return await written(node, [operation]);
    case "batch":
      return await written(node, operation.changes);
    case "get": {
      const { index, values } = await node.read([encode(operation.key)]);
      const [found] = values;
      return { type: "get", value: found === undefined ? null : undress(found.value), index };
    }
    case "scan": {
      const { from, to, limit } = operation;
      const range = {
        gte: encode(from),
        lt: encode(to),
        ...(limit === undefined ? {} : { limit }),
      };
      const { index, entries } = await node.scan(range);
      return {
        type: "scan",
        entries: entries.map(({ key, value }) => [decode(key), undress(value)]),
        index,
      };
    }
  }
}

async function written(
  node: DatabaseNode,
  changes: readonly HistoryChange[],
): Promise<HistoryResult> {
  const { revision } = await node.write(
    changes.map((change) =>
      change.type === "put"
        ? { type: "put", key: encode(change.key), value: dress(change.value) }
        : { type: "del", key: encode(change.key) },
    ),
  );
  return { type: "write", revision: { index: revision.index, position: revision.position } };
}

/** A page of everything that this replica holds. */
export async function content(node: DatabaseNode, after: string, limit: number): Promise<Row[]> {
  const { entries } = await node.scan({ gt: encode(after), limit });
  return entries.map(({ key, value, modify }) => ({
    key: decode(key),
    value: undress(value),
    modify: { index: modify.index, position: modify.position },
  }));
}

/** The code of the failure, or of the one behind it: abstract-level wraps. */
function codeOf(error: unknown): HoldfastErrorCode | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof HoldfastError) return at.code;
  }
  return undefined;
}

/** Stored values are longer than those of the history, by up to this: logs shall fill, and histories stay short. */
const MAX_PADDING = 1_500;

/** The value of a history, a number, as it is stored. */
function dress(value: string): Uint8Array {
  return encode(`${value} ${"x".repeat((Number(value) * 7_919) % MAX_PADDING)}`);
}

/** The value of a history, from what is stored. Throws for what {@link dress} did not make. */
function undress(stored: Uint8Array): string {
  const text = decode(stored);
  const [value = ""] = text.split(" ", 1);
  if (decode(dress(value)) !== text) throw new Error(`damaged value (${text.slice(0, 40)})`);
  return value;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
