import type { WriteLimits } from "../database/port.ts";
import { checkBatch } from "../database/write-limits.ts";
import type { Command } from "../format/sealed-batch.ts";
import { batchCommand, type KvOperation } from "../kv/kv-commands.ts";
import type { KvScanRange } from "../kv/kv-reader.ts";
import type { Revision } from "../kv/value-header.ts";

/** One operation of `DatabaseNode.write`. */
export type WriteOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  /** No error when the key is not there. */
  | { readonly type: "del"; readonly key: Uint8Array };

/** A value and when it was written. */
export interface RevisedValue {
  readonly value: Uint8Array;
  /** Of the write that created the key; kept by those that replaced its value. */
  readonly create: Revision;
  /** Of the write that this value is of. */
  readonly modify: Revision;
}

/** A key, its value and when it was written. */
export interface RevisedEntry extends RevisedValue {
  readonly key: Uint8Array;
}

/** What `DatabaseNode.scan` visits. An inclusive bound wins over an exclusive one at the same end; without a bound, to the end. */
export interface ScanRange {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  /** At most this many entries. They are collected in memory. @defaultValue all */
  readonly limit?: number;
  /** From the upper end downwards. @defaultValue `false` */
  readonly reverse?: boolean;
}

/** What `DatabaseNode.read` found. */
export interface ReadResult {
  /** The state that was read holds exactly the entries of the log up to this one. */
  readonly index: number;
  /** In the order of the keys; `undefined` where there is none. */
  readonly values: readonly (RevisedValue | undefined)[];
}

/** What `DatabaseNode.scan` found. */
export interface ScanResult {
  /** See {@link ReadResult.index}. */
  readonly index: number;
  readonly entries: readonly RevisedEntry[];
}

const BOUNDS = ["gt", "gte", "lt", "lte"] as const;
const SCAN_OPTIONS: ReadonlySet<string> = new Set([...BOUNDS, "limit", "reverse"]);

/** The command that carries out all of `operations`, which are copied. Throws `TypeError` and `TOO_LARGE`. */
export function writeCommand(operations: readonly WriteOperation[], limits: WriteLimits): Command {
  if (!Array.isArray(operations) || operations.length === 0) {
    throw new TypeError("a write needs an array of operations, at least one");
  }
  const kvOperations = operations.map(kvOperation);
  checkBatch(kvOperations, limits);
  return batchCommand(kvOperations);
}

function kvOperation(operation: WriteOperation): KvOperation {
  const { type, key } = operation;
  checkBytes("key", key);
  switch (type) {
    case "put":
      checkBytes("value", operation.value);
      return operation;
    case "del":
      return { type: "delete", key };
    default:
      throw new TypeError(`operation (${String(type)}) is neither put nor del`);
  }
}

/** Throws `TypeError`. */
export function checkKeys(keys: readonly Uint8Array[]): void {
  if (!Array.isArray(keys)) throw new TypeError("keys must be an array");
  for (const key of keys) checkBytes("key", key);
}

/** What the store is asked for. Throws `TypeError`, also for an option that is not known. */
export function checkScan(range: ScanRange): KvScanRange {
  const unknown = Object.keys(range).find((name) => !SCAN_OPTIONS.has(name));
  if (unknown !== undefined) throw new TypeError(`option (${unknown}) of a scan is not known`);
  const { limit = Infinity, reverse = false } = range;
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new TypeError(`limit (${limit}) of a scan must be a whole number from 0`);
  }
  // Copied: the caller may reuse them while the quorum is asked.
  const bounds: Partial<Record<(typeof BOUNDS)[number], Uint8Array>> = {};
  for (const name of BOUNDS) {
    const bound = range[name];
    if (bound === undefined) continue;
    checkBytes(name, bound);
    bounds[name] = Uint8Array.from(bound);
  }
  return { ...bounds, limit, reverse };
}

function checkBytes(what: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${what} must be a Uint8Array`);
}
