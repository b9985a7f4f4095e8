import type { DiskFile } from "@holdfast/platform";
import { asBuffer } from "../format/bytes.ts";

/** Reads that are so large that the time between them does not count. */
const CHUNK_BYTES = 4 << 20;

/**
 * Reads a file from front to back with the next read always under way. What was asked for is a view of what was read; only what
 * crosses the border of two reads is copied.
 */
export class SegmentReader {
  readonly #file: DiskFile;
  readonly #size: number;
  /** What was read and may still be asked for, without a hole. */
  #chunks: Buffer[] = [];
  /** Offset of the first of `#chunks`. */
  #start = 0;
  /** Offset behind the last of `#chunks`. */
  #end = 0;
  #ahead: Promise<Uint8Array> | undefined;

  constructor(file: DiskFile, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** The bytes `[at, at + length)` if they were read already. */
  loaded(at: number, length: number): Buffer | undefined {
    const [first] = this.#chunks;
    const from = at - this.#start;
    if (first === undefined || from < 0 || from + length > first.length) return undefined;
    return first.subarray(from, from + length);
  }

  /** The bytes `[at, at + length)`, fewer at the end of the file. `at` never goes back behind an earlier one. */
  async read(at: number, length: number): Promise<Buffer> {
    const end = Math.min(at + length, this.#size);
    while (this.#end < end) {
      const chunk = await this.#next();
      // The file is shorter than it was said to be.
      if (chunk.length === 0) break;
      this.#chunks.push(chunk);
      this.#end += chunk.length;
    }
    this.#release(at);
    const view = this.loaded(at, end - at);
    if (view !== undefined) return view;
    return this.#join(at, end);
  }

  /** A copy of `[at, end)`, or of what there is of it. */
  #join(at: number, end: number): Buffer {
    const parts: Buffer[] = [];
    let start = this.#start;
    for (const chunk of this.#chunks) {
      parts.push(chunk.subarray(Math.max(0, at - start), Math.max(0, end - start)));
      start += chunk.length;
    }
    return Buffer.concat(parts);
  }

  #release(at: number): void {
    for (;;) {
      const [first] = this.#chunks;
      if (first === undefined || this.#start + first.length > at) return;
      this.#chunks.shift();
      this.#start += first.length;
    }
  }

  async #next(): Promise<Buffer> {
    const bytes = await (this.#ahead ?? this.#readChunk(this.#end));
    const next = this.#end + bytes.length;
    this.#ahead = bytes.length > 0 && next < this.#size ? this.#readChunk(next) : undefined;
    this.#ahead?.catch(() => undefined);
    return asBuffer(bytes);
  }

  #readChunk(at: number): Promise<Uint8Array> {
    return this.#file.read(at, Math.min(CHUNK_BYTES, this.#size - at));
  }
}
