import { HoldfastError } from "../errors.ts";
import { asBuffer, crc32c, readU64, writeU64 } from "./bytes.ts";

/** One command: what a state machine applies. */
export interface Command {
  /** Kinds below 0x40 belong to the node itself; the others go to the state machine. */
  readonly kind: number;
  /** Meaning and layout are the state machine's. A view into the log: copy what must outlive `apply`. */
  readonly body: Uint8Array;
}

/** Who made a batch: the pair (incarnation, sequence) is never reused, so the proposer recognises its own. */
export interface BatchOrigin {
  readonly node: number;
  readonly incarnation: number;
  readonly sequence: number;
}

/** docs/formats.md, section 1. */
const BATCH_HEADER_BYTES = 56;
const COMMAND_HEADER_BYTES = 6;
const VERSION = 1;

/** Bytes that `commands` take once sealed, header included. */
export function sealedBatchBytes(commands: readonly Command[]): number {
  let total = BATCH_HEADER_BYTES;
  for (const command of commands) total += COMMAND_HEADER_BYTES + command.body.length;
  return total;
}

/** Bytes that one command adds to a sealed batch. */
export function sealedCommandBytes(command: Command): number {
  return COMMAND_HEADER_BYTES + command.body.length;
}

/** Encodes a batch into `target` at `at` and returns the offset behind it. The one copy that a payload sees on its way to disk. */
export function sealBatch(
  target: Buffer,
  at: number,
  origin: BatchOrigin,
  commands: readonly Command[],
): number {
  let offset = at + BATCH_HEADER_BYTES;
  for (const { kind, body } of commands) {
    target.writeUInt8(kind, offset);
    target.writeUInt8(0, offset + 1);
    target.writeUInt32LE(body.length, offset + 2);
    target.set(body, offset + COMMAND_HEADER_BYTES);
    offset += COMMAND_HEADER_BYTES + body.length;
  }
  target.writeUInt32LE(offset - at, at);
  target.writeUInt8(VERSION, at + 8);
  target.writeUInt8(0, at + 9);
  target.writeUInt16LE(0, at + 10);
  target.writeUInt32LE(commands.length, at + 12);
  writeU64(target, origin.node, at + 16);
  writeU64(target, origin.incarnation, at + 24);
  writeU64(target, origin.sequence, at + 32);
  writeU64(target, 0, at + 40);
  writeU64(target, 0, at + 48);
  target.writeUInt32LE(crc32c(target.subarray(at + 8, offset)), at + 4);
  return offset;
}

/** A batch as read from an entry. */
export interface OpenedBatch {
  readonly origin: BatchOrigin;
  readonly commands: readonly Command[];
}

/**
 * Reads the sealed batches that fill `payload`. `verify` checks their checksums: needed for bytes that another node sent, and
 * superfluous for a payload whose sealed entry was checked. Throws `CORRUPT`, or `UNSUPPORTED` for a newer version.
 */
export function openBatches(payload: Uint8Array, verify: boolean): readonly OpenedBatch[] {
  const buffer = asBuffer(payload);
  const batches: OpenedBatch[] = [];
  for (let at = 0; at < buffer.length;) {
    const end = batchEnd(buffer, at, verify);
    batches.push(openBatch(buffer, at, end));
    at = end;
  }
  return batches;
}

/** How many sealed batches fill `payload`, by their lengths alone. Throws `CORRUPT` when they do not fit. */
export function countBatches(payload: Uint8Array): number {
  const buffer = asBuffer(payload);
  let count = 0;
  for (let at = 0; at < buffer.length; count += 1) at = batchEnd(buffer, at, false);
  return count;
}

/** Whether `payload` is sealed batches and nothing else, by their checksums. */
export function areSound(payload: Uint8Array): boolean {
  try {
    openBatches(payload, true);
    return true;
  } catch {
    return false;
  }
}

function batchEnd(buffer: Buffer, at: number, verify: boolean): number {
  if (at + BATCH_HEADER_BYTES > buffer.length) throw damaged(at, "header is cut short");
  const length = buffer.readUInt32LE(at);
  if (length < BATCH_HEADER_BYTES || at + length > buffer.length) {
    throw damaged(at, `length (${length}) does not fit`);
  }
  if (verify && buffer.readUInt32LE(at + 4) !== crc32c(buffer.subarray(at + 8, at + length))) {
    throw damaged(at, "checksum does not match");
  }
  const version = buffer.readUInt8(at + 8);
  if (version !== VERSION) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `batch version (${version}) is newer than this software (${VERSION})`,
    );
  }
  refuseFlags("batch", buffer.readUInt8(at + 9));
  return at + length;
}

function openBatch(buffer: Buffer, at: number, end: number): OpenedBatch {
  const count = buffer.readUInt32LE(at + 12);
  const commands: Command[] = [];
  let offset = at + BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (offset + COMMAND_HEADER_BYTES > end) throw damaged(at, "commands are cut short");
    const bodyAt = offset + COMMAND_HEADER_BYTES;
    const bodyEnd = bodyAt + buffer.readUInt32LE(offset + 2);
    if (bodyEnd > end) throw damaged(at, "a command is cut short");
    refuseFlags("command", buffer.readUInt8(offset + 1));
    commands.push({ kind: buffer.readUInt8(offset), body: buffer.subarray(bodyAt, bodyEnd) });
    offset = bodyEnd;
  }
  const origin = {
    node: readU64(buffer, at + 16),
    incarnation: readU64(buffer, at + 24),
    sequence: readU64(buffer, at + 32),
  };
  return { origin, commands };
}

/** A flag changes what the bytes behind it mean: whoever does not know it would read something else than its writer. */
function refuseFlags(what: string, flags: number): void {
  if (flags === 0) return;
  throw new HoldfastError(
    "UNSUPPORTED",
    `${what} with flags (${flags}) is not known to this software`,
  );
}

function damaged(at: number, why: string): HoldfastError {
  return new HoldfastError("CORRUPT", `sealed batch at offset (${at}): ${why}`);
}
