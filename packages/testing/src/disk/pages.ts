const PAGE_BYTES = 4_096;
const ZEROS = Buffer.alloc(PAGE_BYTES);

/** The bytes of a file. Pages of nothing but zeros cost nothing, so a file that is made large at once is cheap. */
export class Pages {
  #size = 0;
  #pages: (Buffer | undefined)[] = [];

  get size(): number {
    return this.#size;
  }

  /** Bytes of `[position, position + length)`, fewer at the end. The caller owns them. */
  read(position: number, length: number): Uint8Array {
    const end = Math.min(this.#size, position + length);
    const bytes = new Uint8Array(Math.max(0, end - position));
    for (let at = position; at < end;) {
      const from = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - from, end - at);
      const page = this.#pages[(at - from) / PAGE_BYTES];
      if (page !== undefined) bytes.set(page.subarray(from, from + count), at - position);
      at += count;
    }
    return bytes;
  }

  /** Copies `bytes` to `position`. A gap before it is filled with zeros. */
  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    for (let at = 0; at < bytes.length;) {
      const from = (position + at) % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - from, bytes.length - at);
      this.#writePage((position + at - from) / PAGE_BYTES, from, bytes.subarray(at, at + count));
      at += count;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  #writePage(number: number, from: number, bytes: Uint8Array): void {
    const page = this.#pages[number];
    const isZero = Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
    if (page !== undefined && !(isZero && bytes.length === PAGE_BYTES)) {
      page.set(bytes, from);
    } else if (isZero) {
      this.#pages[number] = undefined;
    } else {
      const made = Buffer.alloc(PAGE_BYTES);
      made.set(bytes, from);
      this.#pages[number] = made;
    }
  }

  /** Cuts the file short, or makes it longer with zeros. */
  truncate(size: number): void {
    if (size < this.#size) {
      const from = size % PAGE_BYTES;
      const last = (size - from) / PAGE_BYTES;
      // What is behind the end must be zero, should the file grow again.
      this.#pages[last]?.fill(0, from);
      this.#pages.length = Math.min(this.#pages.length, last + 1);
    }
    this.#size = size;
  }

  /** Offsets of the pages that hold something. */
  occupied(): readonly number[] {
    const offsets: number[] = [];
    for (const [number, page] of this.#pages.entries()) {
      if (page !== undefined && number * PAGE_BYTES < this.#size) offsets.push(number * PAGE_BYTES);
    }
    return offsets;
  }

  clone(): Pages {
    const copy = new Pages();
    copy.#size = this.#size;
    copy.#pages = this.#pages.map((page) => (page === undefined ? undefined : Buffer.from(page)));
    return copy;
  }
}
