import type { DatabaseNode } from "@holdfast/core";
import type { Random } from "@holdfast/platform";
import { pick } from "../faults/chance.ts";
import type { HistoryChange, HistoryOperation, HistoryResult } from "../history/history.ts";

/** Keys that are used alone: each is a history of its own to the checker. */
const SINGLE_KEYS = ["a0", "a1", "a2", "a3"] as const;
/** Keys that batches and scans join. */
const JOINED_KEYS = ["b0", "b1", "b2"] as const;

/** All keys that are ever written. */
export const ALL_KEYS: readonly string[] = [...SINGLE_KEYS, ...JOINED_KEYS];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An operation, and how it is put to a node. */
export interface KvAction {
  readonly operation: HistoryOperation;
  readonly isWrite: boolean;
  run(node: DatabaseNode): Promise<HistoryResult>;
}

/** Draws what a client does next. `value` gives a value that nobody else writes; `padding` makes it longer. */
export function drawAction(random: Random, value: () => string, padding: number): KvAction {
  const put = (key: string): HistoryChange => ({
    type: "put",
    key,
    value: value().padEnd(random.integer(0, padding + 1), "."),
  });
  const change = (keys: readonly string[]): HistoryChange =>
    random.integer(0, 4) === 0
      ? { type: "delete", key: pick(random, keys) }
      : put(pick(random, keys));
  switch (random.integer(0, 12)) {
    case 0:
    case 1:
    case 2:
      return writeAction(change(SINGLE_KEYS));
    case 3:
      return databaseWrite(change(ALL_KEYS));
    case 4:
    case 5:
      return batchAction([change(JOINED_KEYS), change(JOINED_KEYS), change(JOINED_KEYS)]);
    case 6:
    case 7:
      return readAction(pick(random, ALL_KEYS));
    case 8:
      return databaseRead(pick(random, SINGLE_KEYS));
    case 9:
      return databaseScan();
    default:
      return scanAction(random.integer(0, 3) === 0 ? 1 + random.integer(0, 3) : undefined);
  }
}

function writeAction(change: HistoryChange): KvAction {
  return {
    operation: change,
    isWrite: true,
    run: async (node) => {
      const { revision } = await node.write([toOperation(change)]);
      return { type: "write", revision };
    },
  };
}

function batchAction(changes: readonly HistoryChange[]): KvAction {
  return {
    operation: { type: "batch", changes },
    isWrite: true,
    run: async (node) => {
      const { revision } = await node.write(changes.map(toOperation));
      return { type: "write", revision };
    },
  };
}

/** As most embedders write: through the database, which says nothing of revisions. */
function databaseWrite(change: HistoryChange): KvAction {
  return {
    operation: change,
    isWrite: true,
    run: async ({ db }) => {
      if (change.type === "put") await db.put(change.key, change.value);
      else await db.del(change.key);
      return { type: "write" };
    },
  };
}

/** One linearizable read of a key, with the index that it saw. */
export function readAction(key: string): KvAction {
  return {
    operation: { type: "get", key },
    isWrite: false,
    run: async (node) => {
      const { index, values } = await node.read([encoder.encode(key)]);
      const found = values[0];
      return {
        type: "get",
        value: found === undefined ? null : decoder.decode(found.value),
        index,
      };
    },
  };
}

function databaseRead(key: string): KvAction {
  return {
    operation: { type: "get", key },
    isWrite: false,
    run: async ({ db }) => ({ type: "get", value: (await db.get(key)) ?? null }),
  };
}

function scanAction(limit: number | undefined): KvAction {
  const operation = joinedScan(limit);
  return {
    operation,
    isWrite: false,
    run: async (node) => {
      const { index, entries } = await node.scan({
        gte: encoder.encode(operation.from),
        lt: encoder.encode(operation.to),
        ...(limit === undefined ? {} : { limit }),
      });
      return {
        type: "scan",
        entries: entries.map(({ key, value }) => [decoder.decode(key), decoder.decode(value)]),
        index,
      };
    },
  };
}

function databaseScan(): KvAction {
  const operation = joinedScan(undefined);
  return {
    operation,
    isWrite: false,
    run: async ({ db }) => ({
      type: "scan",
      entries: await db.iterator({ gte: operation.from, lt: operation.to }).all(),
    }),
  };
}

function joinedScan(limit: number | undefined): Extract<HistoryOperation, { type: "scan" }> {
  return { type: "scan", from: "b", to: "c", ...(limit === undefined ? {} : { limit }) };
}

function toOperation(
  change: HistoryChange,
):
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array } {
  const key = encoder.encode(change.key);
  return change.type === "put"
    ? { type: "put", key, value: encoder.encode(change.value) }
    : { type: "del", key };
}
