import { HoldfastError } from "../errors.ts";
import { asBuffer, readU64, writeU64 } from "../format/bytes.ts";
import type { Command } from "../format/sealed-batch.ts";
import type { KeyRange } from "./store-keys.ts";
import type { Revision } from "./value-header.ts";

/** Kinds of the key-value store's commands (docs/formats.md, section 5). */
export const KIND_PUT = 0x40;
export const KIND_DELETE = 0x41;
export const KIND_BATCH = 0x42;
export const KIND_CLEAR = 0x43;

/** Whether this software knows what commands of `kind` do. */
export function isKnownKind(kind: number): boolean {
  return [KIND_PUT, KIND_DELETE, KIND_BATCH, KIND_CLEAR].includes(kind);
}

/** A write of one key. */
export type KvOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array };

/** What a clear command removes. */
export interface ClearRange extends KeyRange {
  /** From the upper end downwards. */
  readonly reverse?: boolean;
  /** Looks at no more than this many existing keys, so that one command stays short. */
  readonly limit?: number;
  /** Keys that were modified at or after this revision stay. */
  readonly before?: Revision;
}

/** The result of a clear command. */
export interface ClearResult {
  /** Of the command: as `before` of the commands that go on, it keeps them off what was written since. */
  readonly revision: Revision;
  readonly removed: number;
  /** Set when the limit ended the scan: the first key that was not looked at. Go on with it as the included bound. */
  readonly next?: Uint8Array;
}

/** A command as the store carries it out. Keys and values are views into the log. */
export type KvCommand =
  | KvOperation
  | { readonly type: "batch"; readonly operations: readonly KvOperation[] }
  | { readonly type: "clear"; readonly range: ClearRange }
  /** A known kind with a body that makes no sense: refused, on every replica alike. */
  | { readonly type: "malformed"; readonly reason: string };

const NO_LIMIT = 0xffff_ffff;
const HAS_LOWER = 0x01;
const LOWER_EXCLUDED = 0x02;
const HAS_UPPER = 0x04;
const UPPER_EXCLUDED = 0x08;
const REVERSE = 0x10;
const KNOWN_CLEAR_FLAGS = 0x1f;
const CLEAR_FIXED_BYTES = 17;

/** Stores a value under a key. */
export function putCommand(key: Uint8Array, value: Uint8Array): Command {
  const body = Buffer.allocUnsafe(4 + key.length + value.length);
  writeBytes(body, 0, key);
  body.set(value, 4 + key.length);
  return { kind: KIND_PUT, body };
}

/** Removes a key. No error when it is not there. */
export function deleteCommand(key: Uint8Array): Command {
  return { kind: KIND_DELETE, body: key };
}

/** Carries out all operations, in order, in one atomic step. */
export function batchCommand(operations: readonly KvOperation[]): Command {
  let bytes = 4;
  for (const operation of operations) {
    bytes += 5 + operation.key.length;
    if (operation.type === "put") bytes += 4 + operation.value.length;
  }
  const body = Buffer.allocUnsafe(bytes);
  body.writeUInt32LE(operations.length, 0);
  let at = 4;
  for (const operation of operations) {
    body[at] = operation.type === "put" ? KIND_PUT : KIND_DELETE;
    at = writeBytes(body, at + 1, operation.key);
    if (operation.type === "put") at = writeBytes(body, at, operation.value);
  }
  return { kind: KIND_BATCH, body };
}

/** Removes the keys of a range. Answers with a {@link ClearResult}. */
export function clearCommand(range: ClearRange): Command {
  const lower = range.gte ?? range.gt;
  const upper = range.lte ?? range.lt;
  let flags = range.reverse === true ? REVERSE : 0;
  if (lower !== undefined) flags |= HAS_LOWER | (range.gte === undefined ? LOWER_EXCLUDED : 0);
  if (upper !== undefined) flags |= HAS_UPPER | (range.lte === undefined ? UPPER_EXCLUDED : 0);
  const boundBytes =
    (lower === undefined ? 0 : 4 + lower.length) + (upper === undefined ? 0 : 4 + upper.length);
  const body = Buffer.allocUnsafe(CLEAR_FIXED_BYTES + boundBytes);
  body[0] = flags;
  body.writeUInt32LE(Math.min(range.limit ?? NO_LIMIT, NO_LIMIT), 1);
  writeU64(body, range.before?.index ?? 0, 5);
  body.writeUInt32LE(range.before?.position ?? 0, 13);
  let at = CLEAR_FIXED_BYTES;
  if (lower !== undefined) at = writeBytes(body, at, lower);
  if (upper !== undefined) writeBytes(body, at, upper);
  return { kind: KIND_CLEAR, body };
}

/**
 * Reads a command. A malformed body is an answer, not an exception: it must be refused alike on every replica. An unknown kind
 * throws `UNSUPPORTED`: a newer node knows what it does, so skipping it here would be divergence.
 */
export function decodeCommand(command: Command): KvCommand {
  const body = asBuffer(command.body);
  switch (command.kind) {
    case KIND_PUT:
      return decodePut(body);
    case KIND_DELETE:
      return { type: "delete", key: body };
    case KIND_BATCH:
      return decodeBatch(body);
    case KIND_CLEAR:
      return decodeClear(body);
    default:
      throw new HoldfastError(
        "UNSUPPORTED",
        `command of kind (${command.kind}) is not known to this software: update it before this node goes on`,
      );
  }
}

function decodePut(body: Buffer): KvCommand {
  if (body.length < 4) return malformed("put is cut short");
  const keyEnd = 4 + body.readUInt32LE(0);
  if (keyEnd > body.length) return malformed("put has a key longer than itself");
  return { type: "put", key: body.subarray(4, keyEnd), value: body.subarray(keyEnd) };
}

function decodeBatch(body: Buffer): KvCommand {
  const cursor = new Cursor(body);
  const count = cursor.u32();
  const operations: KvOperation[] = [];
  // Every operation takes at least five bytes, so a wrong count cannot make this loop long.
  for (let i = 0; i < (count ?? 0); i++) {
    const kind = cursor.u8();
    const key = cursor.bytes();
    if (kind === KIND_DELETE && key !== undefined) {
      operations.push({ type: "delete", key });
      continue;
    }
    const value = cursor.bytes();
    if (kind !== KIND_PUT)
      return malformed("batch holds an operation that is neither put nor delete");
    if (key === undefined || value === undefined) return malformed("batch is cut short");
    operations.push({ type: "put", key, value });
  }
  if (count === undefined) return malformed("batch is cut short");
  if (!cursor.atEnd) return malformed("batch has bytes behind its operations");
  return { type: "batch", operations };
}

function decodeClear(body: Buffer): KvCommand {
  if (body.length < CLEAR_FIXED_BYTES) return malformed("clear is cut short");
  const flags = body.readUInt8(0);
  if ((flags & ~KNOWN_CLEAR_FLAGS) !== 0) return malformed(`clear has unknown flags (${flags})`);
  if (body.readUInt32LE(9) > 0x1f_ffff) return malformed("clear has a revision beyond 2^53");
  const cursor = new Cursor(body, CLEAR_FIXED_BYTES);
  const lower = (flags & HAS_LOWER) === 0 ? undefined : cursor.bytes();
  const upper = (flags & HAS_UPPER) === 0 ? undefined : cursor.bytes();
  if (
    ((flags & HAS_LOWER) !== 0 && lower === undefined) ||
    ((flags & HAS_UPPER) !== 0 && upper === undefined)
  ) {
    return malformed("clear is cut short");
  }
  if (!cursor.atEnd) return malformed("clear has bytes behind its bounds");
  const index = readU64(body, 5);
  const range: ClearRange = {
    reverse: (flags & REVERSE) !== 0,
    limit: body.readUInt32LE(1),
    ...(index === 0 ? {} : { before: { index, position: body.readUInt32LE(13) } }),
    ...(lower === undefined ? {} : { [(flags & LOWER_EXCLUDED) === 0 ? "gte" : "gt"]: lower }),
    ...(upper === undefined ? {} : { [(flags & UPPER_EXCLUDED) === 0 ? "lte" : "lt"]: upper }),
  };
  return { type: "clear", range };
}

function malformed(reason: string): KvCommand {
  return { type: "malformed", reason };
}

function writeBytes(target: Buffer, at: number, bytes: Uint8Array): number {
  target.writeUInt32LE(bytes.length, at);
  target.set(bytes, at + 4);
  return at + 4 + bytes.length;
}

/** Reads forward through a body; `undefined` where it is cut short. */
class Cursor {
  readonly #body: Buffer;
  #at: number;

  constructor(body: Buffer, at = 0) {
    this.#body = body;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at === this.#body.length;
  }

  u8(): number | undefined {
    return this.#at < this.#body.length ? this.#body.readUInt8(this.#at++) : undefined;
  }

  u32(): number | undefined {
    if (this.#at + 4 > this.#body.length) return undefined;
    this.#at += 4;
    return this.#body.readUInt32LE(this.#at - 4);
  }

  bytes(): Buffer | undefined {
    const start = this.#at;
    const length = this.u32();
    if (length === undefined || this.#at + length > this.#body.length) {
      this.#at = start;
      return undefined;
    }
    this.#at += length;
    return this.#body.subarray(this.#at - length, this.#at);
  }
}
