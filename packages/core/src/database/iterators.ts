import {
  AbstractIterator,
  AbstractKeyIterator,
  AbstractValueIterator,
  type AbstractIteratorOptions,
} from "abstract-level";
import type { RangeReader } from "./range-reader.ts";

/** What abstract-level made of the caller's options. */
export type EncodedIteratorOptions = AbstractIteratorOptions<Buffer, Buffer>;

/** Entries of a captured state. */
export class HoldfastIterator<TDatabase> extends AbstractIterator<TDatabase, Buffer, Buffer> {
  readonly #reader: RangeReader;

  constructor(db: TDatabase, options: EncodedIteratorOptions, reader: RangeReader) {
    super(db, options);
    this.#reader = reader;
  }

  protected _next(): Promise<[Buffer | undefined, Buffer | undefined] | undefined> {
    return this.#reader.next();
  }

  protected _nextv(size: number): Promise<[Buffer | undefined, Buffer | undefined][]> {
    return this.#reader.nextv(size);
  }

  protected _seek(target: Buffer): void {
    this.#reader.seek(target);
  }

  protected _close(): Promise<void> {
    return this.#reader.close();
  }
}

/** Keys of a captured state. */
export class HoldfastKeyIterator<TDatabase> extends AbstractKeyIterator<TDatabase, Buffer> {
  readonly #reader: RangeReader;

  constructor(db: TDatabase, options: EncodedIteratorOptions, reader: RangeReader) {
    super(db, options);
    this.#reader = reader;
  }

  protected async _next(): Promise<Buffer | undefined> {
    return (await this.#reader.next())?.[0];
  }

  protected async _nextv(size: number): Promise<(Buffer | undefined)[]> {
    return (await this.#reader.nextv(size)).map(([key]) => key);
  }

  protected _seek(target: Buffer): void {
    this.#reader.seek(target);
  }

  protected _close(): Promise<void> {
    return this.#reader.close();
  }
}

/** Values of a captured state. */
export class HoldfastValueIterator<TDatabase> extends AbstractValueIterator<
  TDatabase,
  Buffer,
  Buffer
> {
  readonly #reader: RangeReader;

  constructor(db: TDatabase, options: EncodedIteratorOptions, reader: RangeReader) {
    super(db, options);
    this.#reader = reader;
  }

  protected async _next(): Promise<Buffer | undefined> {
    return (await this.#reader.next())?.[1];
  }

  protected async _nextv(size: number): Promise<(Buffer | undefined)[]> {
    return (await this.#reader.nextv(size)).map(([, value]) => value);
  }

  protected _seek(target: Buffer): void {
    this.#reader.seek(target);
  }

  protected _close(): Promise<void> {
    return this.#reader.close();
  }
}
