import { assert, HoldfastError } from "../errors.ts";
import { asBuffer, crc32c, readU64, writeU64 } from "../format/bytes.ts";

/** Name and version of the stream that this file reads and writes (docs/formats.md, section 7). */
export const KV_SNAPSHOT_FORMAT = "kv/1";

const MAGIC = 0x564b_4648; // "HFKV"
const VERSION = 1;
const LAST = 0x01;
const CHUNK_HEADER_BYTES = 32;
const RECORD_HEADER_BYTES = 8;

/** A key and value of the store, as they travel. */
export type StorePair = readonly [key: Buffer, value: Buffer];

/** Pairs in order of their keys; in groups, because a promise for each pair costs more than the pair. */
export type StorePairs = AsyncIterable<readonly StorePair[]>;

/** Packs pairs into chunks. The same pairs and limit make the same chunks on every node. */
export async function* encodeChunks(
  appliedIndex: number,
  pairs: StorePairs,
  maxChunkBytes: number,
): AsyncGenerator<Uint8Array> {
  assert(maxChunkBytes > CHUNK_HEADER_BYTES, `chunks of (${maxChunkBytes}) bytes hold nothing`);
  const packer = new ChunkPacker(appliedIndex, maxChunkBytes);
  for await (const group of pairs) {
    for (const [key, value] of group) {
      const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
      head.writeUInt32LE(key.length, 0);
      head.writeUInt32LE(value.length, 4);
      for (const part of [head, key, value]) {
        for (let at = 0; at < part.length;) {
          if (packer.full) yield packer.seal(0);
          at += packer.add(part, at);
        }
      }
    }
  }
  yield packer.seal(LAST);
}

class ChunkPacker {
  readonly #appliedIndex: number;
  readonly #maxChunkBytes: number;
  #chunk: Buffer;
  #length = CHUNK_HEADER_BYTES;
  #number = 0;
  #position = 0;

  constructor(appliedIndex: number, maxChunkBytes: number) {
    this.#appliedIndex = appliedIndex;
    this.#maxChunkBytes = maxChunkBytes;
    this.#chunk = Buffer.allocUnsafeSlow(maxChunkBytes);
  }

  get full(): boolean {
    return this.#length === this.#maxChunkBytes;
  }

  /** Takes as much of `part` from `at` on as fits, and says how much that was. */
  add(part: Buffer, at: number): number {
    const bytes = Math.min(part.length - at, this.#maxChunkBytes - this.#length);
    part.copy(this.#chunk, this.#length, at, at + bytes);
    this.#length += bytes;
    return bytes;
  }

  seal(flags: number): Uint8Array {
    const chunk = this.#chunk.subarray(0, this.#length);
    chunk.writeUInt32LE(MAGIC, 0);
    chunk[8] = VERSION;
    chunk[9] = flags;
    chunk.writeUInt16LE(0, 10);
    chunk.writeUInt32LE(this.#number, 12);
    writeU64(chunk, this.#appliedIndex, 16);
    writeU64(chunk, this.#position, 24);
    chunk.writeUInt32LE(crc32c(chunk.subarray(8)), 4);
    this.#number++;
    this.#position += this.#length - CHUNK_HEADER_BYTES;
    this.#length = CHUNK_HEADER_BYTES;
    this.#chunk = Buffer.allocUnsafeSlow(flags === LAST ? 0 : this.#maxChunkBytes);
    return chunk;
  }
}

/** Reads pairs back. Throws `CORRUPT` for anything but the whole stream of `appliedIndex`, in order; pairs come before that is known. */
export async function* decodeChunks(
  appliedIndex: number,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly StorePair[]> {
  const queue = new ByteQueue();
  let number = 0;
  let position = 0;
  let ended = false;
  let keyBefore: Buffer | undefined;
  for await (const bytes of chunks) {
    if (ended) throw damaged(number, "comes after the last one");
    const chunk = asBuffer(bytes);
    ended = checkChunk(chunk, appliedIndex, number, position);
    number++;
    position += chunk.length - CHUNK_HEADER_BYTES;
    queue.push(chunk.subarray(CHUNK_HEADER_BYTES));
    const group: StorePair[] = [];
    for (let pair = queue.takePair(); pair !== undefined; pair = queue.takePair()) {
      if (keyBefore !== undefined && pair[0].compare(keyBefore) <= 0) {
        throw damaged(number - 1, "has keys out of order");
      }
      keyBefore = pair[0];
      group.push(pair);
    }
    if (group.length > 0) yield group;
  }
  if (!ended) throw damaged(number, "is missing: the stream is cut short");
  if (queue.length > 0) throw damaged(number - 1, "ends within a record");
}

/** Says whether the chunk is the last one. */
function checkChunk(
  chunk: Buffer,
  appliedIndex: number,
  number: number,
  position: number,
): boolean {
  if (chunk.length < CHUNK_HEADER_BYTES || chunk.readUInt32LE(0) !== MAGIC) {
    throw damaged(number, "does not begin like one");
  }
  if (chunk.readUInt32LE(4) !== crc32c(chunk.subarray(8))) {
    throw damaged(number, "does not match its checksum");
  }
  if (chunk[8] !== VERSION) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `snapshot of version (${chunk[8] ?? -1}) is not known to this software (${VERSION})`,
    );
  }
  if (chunk.readUInt32LE(12) !== number || readU64(chunk, 24) !== position) {
    throw damaged(number, `is not the next one: found (${chunk.readUInt32LE(12)})`);
  }
  if (readU64(chunk, 16) !== appliedIndex) {
    throw damaged(number, `belongs to another snapshot: index (${readU64(chunk, 16)})`);
  }
  return chunk[9] === LAST;
}

function damaged(number: number, why: string): HoldfastError {
  return new HoldfastError("CORRUPT", `snapshot chunk (${number}) ${why}`);
}

/** Bytes that arrive in pieces and leave as records. */
class ByteQueue {
  readonly #pieces: Buffer[] = [];
  length = 0;

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.length += piece.length;
  }

  /** The next record, once it has arrived completely. */
  takePair(): StorePair | undefined {
    if (this.length < RECORD_HEADER_BYTES) return undefined;
    const head = this.#peek(RECORD_HEADER_BYTES);
    const keyBytes = head.readUInt32LE(0);
    const bytes = RECORD_HEADER_BYTES + keyBytes + head.readUInt32LE(4);
    if (this.length < bytes) return undefined;
    const record = this.#peek(bytes);
    this.#drop(bytes);
    const keyEnd = RECORD_HEADER_BYTES + keyBytes;
    return [record.subarray(RECORD_HEADER_BYTES, keyEnd), record.subarray(keyEnd)];
  }

  /** The first `bytes` bytes: a view while they lie in one piece. */
  #peek(bytes: number): Buffer {
    const first = this.#pieces[0];
    if (first !== undefined && first.length >= bytes) return first.subarray(0, bytes);
    const parts: Buffer[] = [];
    for (let i = 0, missing = bytes; missing > 0; i++) {
      const part = this.#pieces[i]?.subarray(0, missing);
      assert(part !== undefined, "byte queue is shorter than it says");
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts, bytes);
  }

  #drop(bytes: number): void {
    this.length -= bytes;
    for (let left = bytes; left > 0;) {
      const first = this.#pieces[0];
      assert(first !== undefined, "byte queue is shorter than it says");
      if (first.length > left) {
        this.#pieces[0] = first.subarray(left);
        return;
      }
      left -= first.length;
      this.#pieces.shift();
    }
  }
}
