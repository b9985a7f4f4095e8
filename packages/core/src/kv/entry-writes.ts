import { createHash } from "node:crypto";
import { writeU64 } from "../format/bytes.ts";
import { STATE_HASH_BYTES } from "./meta-codec.ts";
import type { StoreBatch } from "./store-engine.ts";
import { SPACE_DATA } from "./store-keys.ts";
import { valueHeaderBytes, writeValueHeader, type ValueHeader } from "./value-header.ts";

/** One operation of the store batch of an entry. */
export type StoreOperation =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer };

/** Where an entry stands in the log: what the state hash says of it besides its writes. */
export interface EntryPlace {
  readonly index: number;
  readonly term: number;
  readonly logTime: number;
  readonly epoch: number;
}

const HEAD_BYTES = STATE_HASH_BYTES + 32;
const RECORD_HEAD_BYTES = 9;
const PUT = 1;
const DELETE = 0;

/**
 * Everything that one entry writes, one record after the other in one piece of memory: its store keys and encoded values are
 * what the batch refers to, and the whole piece is what the state hash covers (docs/formats.md, section 5).
 */
export class EntryWrites {
  #arena: Buffer;
  #length = HEAD_BYTES;
  /** Key offset, key length, value length; the last is -1 for a deletion. */
  readonly #records: number[] = [];

  constructor(hashBefore: Uint8Array, place: EntryPlace, expectedBytes: number) {
    this.#arena = Buffer.allocUnsafeSlow(HEAD_BYTES + expectedBytes);
    this.#arena.set(hashBefore, 0);
    writeU64(this.#arena, place.index, STATE_HASH_BYTES);
    writeU64(this.#arena, place.term, STATE_HASH_BYTES + 8);
    writeU64(this.#arena, place.logTime, STATE_HASH_BYTES + 16);
    writeU64(this.#arena, place.epoch, STATE_HASH_BYTES + 24);
  }

  /** Bytes that a put of a user's key will take, for the estimate given to the constructor. */
  static putBytes(key: Uint8Array, value: Uint8Array): number {
    return RECORD_HEAD_BYTES + 1 + key.length + 25 + value.length;
  }

  /** Bytes that a deletion of a user's key will take. */
  static deleteBytes(key: Uint8Array): number {
    return RECORD_HEAD_BYTES + 1 + key.length;
  }

  /** Stores a user's value behind `header`. */
  put(key: Uint8Array, header: ValueHeader, value: Uint8Array): void {
    const valueBytes = valueHeaderBytes(header) + value.length;
    const valueAt = this.#begin(PUT, SPACE_DATA, key, valueBytes);
    this.#arena.set(value, writeValueHeader(this.#arena, valueAt, header));
  }

  /** Removes a user's key. */
  delete(key: Uint8Array): void {
    this.#begin(DELETE, SPACE_DATA, key, 0);
  }

  /** Adds a write of the node's own, in terms of store keys. */
  add(operation: StoreOperation): void {
    const space = operation.key.readUInt8(0);
    const key = operation.key.subarray(1);
    if (operation.type === "del") {
      this.#begin(DELETE, space, key, 0);
      return;
    }
    const valueAt = this.#begin(PUT, space, key, operation.value.length);
    this.#arena.set(operation.value, valueAt);
  }

  /**
   * Adds the writes, in order, to a batch of the store: views of the arena, which is never used again. One call for each is cheaper than an array of
   * operations, whose properties the store would have to look up by name.
   */
  addTo(batch: StoreBatch): void {
    const records = this.#records;
    for (let i = 0; i < records.length; i += 3) {
      const keyAt = records[i] ?? 0;
      const keyEnd = keyAt + (records[i + 1] ?? 0);
      const valueBytes = records[i + 2] ?? -1;
      const key = this.#arena.subarray(keyAt, keyEnd);
      if (valueBytes < 0) batch.del(key);
      else batch.put(key, this.#value(keyEnd, valueBytes));
    }
  }

  /** The state hash after this entry. */
  hash(configuration: Uint8Array | undefined): Uint8Array {
    const hash = createHash("sha256").update(this.#arena.subarray(0, this.#length));
    if (configuration !== undefined) hash.update(configuration);
    return new Uint8Array(hash.digest());
  }

  #value(keyEnd: number, valueBytes: number): Buffer {
    return this.#arena.subarray(keyEnd, keyEnd + valueBytes);
  }

  /** Writes everything of a record but the value, and returns where that goes. The arena may be another one afterwards. */
  #begin(kind: number, space: number, key: Uint8Array, valueBytes: number): number {
    const keyBytes = 1 + key.length;
    const at = this.#length;
    const keyAt = at + RECORD_HEAD_BYTES;
    this.#reserve(RECORD_HEAD_BYTES + keyBytes + valueBytes);
    const arena = this.#arena;
    arena[at] = kind;
    arena.writeUInt32LE(keyBytes, at + 1);
    arena.writeUInt32LE(valueBytes, at + 5);
    arena[keyAt] = space;
    arena.set(key, keyAt + 1);
    this.#records.push(keyAt, keyBytes, kind === PUT ? valueBytes : -1);
    return keyAt + keyBytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > this.#arena.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#arena.length * 2));
      larger.set(this.#arena.subarray(0, this.#length), 0);
      this.#arena = larger;
    }
    this.#length = needed;
  }
}
