import type { AbstractSnapshot } from "abstract-level";
import { assert } from "../errors.ts";
import { indexOfMeta } from "./meta-codec.ts";
import type { StoreLevel } from "./store-engine.ts";
import { dataKey, dataRange, META_KEY, userKey, type KeyRange } from "./store-keys.ts";
import { readValueHeader, userValue, type Revision } from "./value-header.ts";

/** One key with its value. A side that the range did not ask for is `undefined`. */
export type KvEntry = [key: Buffer | undefined, value: Buffer | undefined];

/** What an iterator visits, in terms of the user's keys. */
export interface KvIteratorRange extends KeyRange {
  readonly reverse?: boolean;
  /** At most this many entries; none when it is negative or absent. */
  readonly limit?: number;
  /** `false`: entries come without their keys. */
  readonly keys?: boolean;
  /** `false`: entries come without their values. */
  readonly values?: boolean;
  /** How many bytes one call reads ahead. Larger: fewer round trips on long scans, more memory. */
  readonly highWaterMarkBytes?: number;
}

/** Walks over a capture. Calls must not overlap. */
export interface KvIterator {
  /** `undefined` at the end. */
  next(): Promise<KvEntry | undefined>;
  /** Up to `size` entries; none at the end. */
  nextv(size: number): Promise<KvEntry[]>;
  /** The next entry is the first at or behind `target`, in the direction of the iterator. */
  seek(target: Uint8Array): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Reads of the user's keys. Results belong to the caller. */
export interface KvReads {
  get(key: Uint8Array): Promise<Buffer | undefined>;
  /** In the order of `keys`. */
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  has(key: Uint8Array): Promise<boolean>;
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]>;
}

/** A value and when it was written. */
export interface KvRevised {
  readonly value: Buffer;
  readonly create: Revision;
  readonly modify: Revision;
}

/** What a scan visits. */
export interface KvScanRange extends KeyRange {
  readonly reverse: boolean;
  /** At most this many entries. */
  readonly limit: number;
}

/** The state as it was at one index, whatever is applied later. Holds back LevelDB's cleaning: close it. */
export interface KvCapture extends KvReads {
  /** The index of the last entry whose effects it holds. Exact: read from inside the captured state. */
  appliedIndex(): Promise<number>;
  iterator(range: KvIteratorRange): KvIterator;
  /** Values with their revisions, in the order of `keys`. */
  revised(keys: readonly Uint8Array[]): Promise<(KvRevised | undefined)[]>;
  /** A whole range with its revisions. */
  scan(range: KvScanRange): Promise<(KvRevised & { readonly key: Buffer })[]>;
  /** Resolves once its iterators are closed too. Idempotent. */
  close(): Promise<void>;
}

/** The state of a replica, as far as it has been applied. */
export interface KvReader extends KvReads {
  /** Captures the state of now, in this very call. */
  capture(): KvCapture;
}

/** Entries that a scan asks the store for at once. */
const SCAN_PAGE = 1_000;

/** Reads the live state of `level`. */
export function storeReader(level: StoreLevel): KvReader {
  return { ...reads(level, {}), capture: () => capture(level) };
}

function capture(level: StoreLevel): KvCapture {
  const snapshot = level.snapshot();
  let appliedIndex: Promise<number> | undefined;
  return {
    ...reads(level, { snapshot }),
    appliedIndex: () => (appliedIndex ??= readAppliedIndex(level, snapshot)),
    iterator: (range) => iterator(level, snapshot, range),
    async revised(keys) {
      const stored = await level.getMany(keys.map(dataKey), { snapshot });
      return stored.map((value) => (value === undefined ? undefined : revised(value)));
    },
    scan: (range) => scan(level, snapshot, range),
    close: () => snapshot.close(),
  };
}

async function readAppliedIndex(level: StoreLevel, snapshot: AbstractSnapshot): Promise<number> {
  const meta = await level.get(META_KEY, { snapshot });
  return meta === undefined ? 0 : indexOfMeta(meta);
}

function reads(level: StoreLevel, options: { readonly snapshot?: AbstractSnapshot }): KvReads {
  return {
    async get(key) {
      const stored = await level.get(dataKey(key), options);
      return stored === undefined ? undefined : userValue(stored);
    },
    async getMany(keys) {
      const stored = await level.getMany(keys.map(dataKey), options);
      return stored.map((value) => (value === undefined ? undefined : userValue(value)));
    },
    has: (key) => level.has(dataKey(key), options),
    hasMany: (keys) => level.hasMany(keys.map(dataKey), options),
  };
}

function iterator(
  level: StoreLevel,
  snapshot: AbstractSnapshot,
  { reverse, limit, keys, values, highWaterMarkBytes, ...bounds }: KvIteratorRange,
): KvIterator {
  const options = {
    ...dataRange(bounds),
    reverse: reverse ?? false,
    limit: limit === undefined || limit < 0 ? -1 : limit,
    keys: keys ?? true,
    values: values ?? true,
    ...(highWaterMarkBytes === undefined ? {} : { highWaterMarkBytes }),
    snapshot,
  };
  const inner = level.iterator(options);
  return {
    async next() {
      const entry = await inner.next();
      return entry === undefined ? undefined : strip(entry);
    },
    async nextv(size) {
      const entries = await inner.nextv(size);
      return entries.map(strip);
    },
    seek(target) {
      inner.seek(dataKey(target));
    },
    close: () => inner.close(),
  };
}

async function scan(
  level: StoreLevel,
  snapshot: AbstractSnapshot,
  { reverse, limit, ...bounds }: KvScanRange,
): Promise<(KvRevised & { readonly key: Buffer })[]> {
  const stored = level.iterator({
    ...dataRange(bounds),
    reverse,
    limit: limit === Infinity ? -1 : limit,
    snapshot,
  });
  const found: (KvRevised & { readonly key: Buffer })[] = [];
  try {
    for (;;) {
      const page = await stored.nextv(SCAN_PAGE);
      if (page.length === 0) return found;
      for (const [key, value] of page) found.push({ key: userKey(key), ...revised(value) });
    }
  } finally {
    await stored.close();
  }
}

function revised(stored: Buffer): KvRevised {
  const { create, modify } = readValueHeader(stored);
  return { value: userValue(stored), create, modify };
}

/** The types of abstract-level do not say that a side can be absent. */
function strip([key, value]: [Buffer | undefined, Buffer | undefined]): KvEntry {
  assert(key === undefined || key.length > 0, "store key is empty");
  return [
    key === undefined ? undefined : userKey(key),
    value === undefined ? undefined : userValue(value),
  ];
}
