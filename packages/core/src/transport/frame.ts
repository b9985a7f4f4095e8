import { crc32c } from "../format/bytes.ts";
import { WireError } from "./wire-error.ts";

/** docs/formats.md, section 6. */
export const FRAME_HEAD_BYTES = 16;
/** Length and checksum: what the length does not count. */
const PREFIX_BYTES = 8;

/** What a stranger may make us buffer before it was welcomed. */
export const STRANGER_FRAME_BYTES = 4096;

/** Kinds of frames; docs/formats.md, section 6. */
export const FRAME_KIND = {
  hello: 1,
  welcome: 2,
  refused: 3,
  messages: 4,
  snapshotBegin: 5,
  snapshotChunk: 6,
  snapshotManifest: 7,
  snapshotAnswer: 8,
} as const;

/** One frame as read from a connection. */
export interface Frame {
  readonly kind: number;
  readonly group: number;
  /** A view into what was received: it keeps that alive, so copy what must live long and is small. */
  readonly body: Buffer;
}

/**
 * Fills in the head of a frame. `first` begins with {@link FRAME_HEAD_BYTES} of room, may go on with the beginning of the body,
 * and `rest` is the rest of the body.
 */
export function sealFrame(
  kind: number,
  group: number,
  first: Buffer,
  rest: readonly Uint8Array[],
): void {
  let length = first.length - PREFIX_BYTES;
  for (const part of rest) length += part.length;
  first.writeUInt32LE(length, 0);
  first.writeUInt8(kind, 8);
  first.writeUInt8(0, 9);
  first.writeUInt16LE(0, 10);
  first.writeUInt32LE(group, 12);
  let crc = crc32c(first.subarray(PREFIX_BYTES));
  for (const part of rest) crc = crc32c(part, crc);
  first.writeUInt32LE(crc, 4);
}

/** A frame as buffers to write one after the other; the body is not copied. */
export function encodeFrame(
  kind: number,
  group: number,
  body: readonly Uint8Array[],
): readonly Uint8Array[] {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  sealFrame(kind, group, head, body);
  return [head, ...body];
}

/**
 * Cuts a stream of bytes into frames, whatever pieces it arrives in. Hand bytes over with `push`, then call `next` until it
 * returns `undefined`. The first error is final: after it the place where the next frame begins is not known any more.
 *
 * It holds at most one incomplete frame, in memory that is reserved only once the announced length was found within the limit.
 */
export class FrameDecoder {
  #limit: number;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  readonly #prefix: Buffer = Buffer.alloc(PREFIX_BYTES);
  #prefixBytes = 0;
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #failure: WireError | undefined;

  /** `limit` bounds the length of a frame, its first eight bytes not counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Changes the limit for frames whose head was not looked at yet. */
  set limit(bytes: number) {
    this.#limit = bytes;
  }

  /** Whether the bytes seen so far end inside a frame. */
  get midFrame(): boolean {
    return this.#partial !== undefined || this.#prefixBytes > 0 || this.#at < this.#chunk.length;
  }

  /** Hands over the next bytes; the decoder keeps them. Only after `next` returned `undefined`. */
  push(bytes: Buffer): void {
    this.#chunk = bytes;
    this.#at = 0;
  }

  /** The next complete frame, or `undefined` when more bytes are needed. Throws {@link WireError}. */
  next(): Frame | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof WireError) this.#failure = error;
      this.#partial = undefined;
      throw error;
    }
  }

  #next(): Frame | undefined {
    if (this.#partial === undefined) {
      const available = this.#chunk.length - this.#at;
      if (this.#prefixBytes === 0 && available >= PREFIX_BYTES) {
        const total = this.#total(this.#chunk.readUInt32LE(this.#at));
        // The usual case: the whole frame is in one piece, and is not copied.
        if (available >= total) {
          const whole = this.#chunk.subarray(this.#at, this.#at + total);
          this.#at += total;
          return open(whole);
        }
        this.#partial = Buffer.allocUnsafeSlow(total);
        this.#partialBytes = 0;
      } else if (!this.#fillPrefix()) {
        return undefined;
      }
    }
    return this.#fillPartial();
  }

  /** Collects the first eight bytes when they arrive in pieces, and then makes room for the frame. */
  #fillPrefix(): boolean {
    this.#prefixBytes += this.#take(this.#prefix, this.#prefixBytes);
    if (this.#prefixBytes < PREFIX_BYTES) return false;
    this.#prefixBytes = 0;
    this.#partial = Buffer.allocUnsafeSlow(this.#total(this.#prefix.readUInt32LE(0)));
    this.#partial.set(this.#prefix);
    this.#partialBytes = PREFIX_BYTES;
    return true;
  }

  #fillPartial(): Frame | undefined {
    const whole = this.#partial;
    if (whole === undefined) return undefined;
    this.#partialBytes += this.#take(whole, this.#partialBytes);
    if (this.#partialBytes < whole.length) return undefined;
    this.#partial = undefined;
    return open(whole);
  }

  /** Moves bytes of the chunk into `target` from `at` on; returns how many. */
  #take(target: Buffer, at: number): number {
    const copied = this.#chunk.copy(target, at, this.#at);
    this.#at += copied;
    return copied;
  }

  #total(length: number): number {
    if (length > this.#limit) {
      throw new WireError("OVERSIZED", `frame of (${length}) bytes, at most (${this.#limit})`);
    }
    if (length < FRAME_HEAD_BYTES - PREFIX_BYTES) {
      throw new WireError("MALFORMED", `frame of (${length}) bytes is shorter than its head`);
    }
    return PREFIX_BYTES + length;
  }
}

function open(whole: Buffer): Frame {
  if (whole.readUInt32LE(4) !== crc32c(whole.subarray(PREFIX_BYTES))) {
    throw new WireError("CHECKSUM", `frame of (${whole.length}) bytes: checksum does not match`);
  }
  return {
    kind: whole.readUInt8(8),
    group: whole.readUInt32LE(12),
    body: whole.subarray(FRAME_HEAD_BYTES),
  };
}
