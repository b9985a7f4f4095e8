import type { HoldfastError } from "../errors.ts";
import type { KvCapture, KvEntry, KvIterator, KvIteratorRange } from "../kv/kv-reader.ts";
import type { CapturedViews, SettlingView } from "./captured-view.ts";
import type { RangeReadOptions } from "./level-types.ts";

/** Where a {@link RangeReader} finds the state that it walks along. */
export interface RangeSource {
  /** Set once the captured state is gone. */
  readonly ended: HoldfastError | undefined;
  /** A captured state that a linearizable read may answer from: always the same one. */
  capture(): Promise<KvCapture>;
  /** Idempotent. */
  release(): Promise<void>;
}

/**
 * The state of an iterator of its own: captured when the iterator is made. When the read index shows that it was not recent
 * enough, it is captured again, which nobody can notice: nothing was shown yet, and writes of this database wait for it.
 */
export class OwnRangeSource implements RangeSource {
  readonly #view: SettlingView;

  constructor(views: CapturedViews) {
    this.#view = views.settle();
  }

  get ended(): HoldfastError | undefined {
    return this.#view.ended;
  }

  async capture(): Promise<KvCapture> {
    const { capture } = await this.#view.settled;
    return capture;
  }

  release(): Promise<void> {
    return this.#view.abandon();
  }
}

/** Entries per call to the store; how many bytes that may be is the store's to say. */
const READ_AHEAD = 1_000;

/** Walks along a captured state: what all kinds of iterators have in common. Made by one call at a time, as abstract-level ensures. */
export class RangeReader {
  readonly #source: RangeSource;
  readonly #range: KvIteratorRange;
  readonly #signal: AbortSignal | undefined;
  #cursor: KvIterator | undefined;
  #target: Uint8Array | undefined;
  /** Entries that were read and not asked for yet, from `#at` on. */
  #ahead: KvEntry[] = [];
  #at = 0;
  #closed = false;

  constructor(source: RangeSource, options: RangeReadOptions) {
    this.#source = source;
    this.#range = iteratorRange(options);
    this.#signal = options.signal;
  }

  next(): Promise<KvEntry | undefined> {
    const entry = this.#ahead[this.#at];
    if (entry === undefined || this.#source.ended !== undefined) return this.#readAhead();
    this.#at++;
    return Promise.resolve(entry);
  }

  nextv(size: number): Promise<KvEntry[]> {
    const ready = this.#ahead.length - this.#at;
    if (ready <= 0 || this.#source.ended !== undefined) {
      return this.#read((cursor) => cursor.nextv(size));
    }
    const from = this.#at;
    this.#at += Math.min(size, ready);
    return Promise.resolve(this.#ahead.slice(from, this.#at));
  }

  seek(target: Uint8Array): void {
    this.#ahead = [];
    this.#at = 0;
    // Kept until there is a cursor.
    this.#target = target;
    this.#cursor?.seek(target);
  }

  /** Every wait costs more than the entry it is for. But the first one, after a seek as well, is often all that is wanted. */
  async #readAhead(): Promise<KvEntry | undefined> {
    const size = this.#at === 0 ? 1 : READ_AHEAD;
    this.#ahead = await this.#read((cursor) => cursor.nextv(size));
    this.#at = 1;
    return this.#ahead[0];
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const cursor = this.#cursor;
    this.#cursor = undefined;
    await cursor?.close();
    await this.#source.release();
  }

  async #read<T>(step: (cursor: KvIterator) => Promise<T>): Promise<T> {
    try {
      return await orAborted(this.#attempt(step), this.#signal);
    } catch (error) {
      throw this.#source.ended ?? error;
    }
  }

  async #attempt<T>(step: (cursor: KvIterator) => Promise<T>): Promise<T> {
    const cursor = this.#cursor ?? (await this.#open());
    if (this.#source.ended !== undefined) throw this.#source.ended;
    return await step(cursor);
  }

  async #open(): Promise<KvIterator> {
    const capture = await this.#source.capture();
    // The caller's signal ended the read that waited here, and the iterator was closed since.
    if (this.#closed) throw new ReadAbortedError(this.#signal?.reason);
    this.#cursor = capture.iterator(this.#range);
    if (this.#target !== undefined) this.#cursor.seek(this.#target);
    return this.#cursor;
  }
}

function iteratorRange(options: RangeReadOptions): KvIteratorRange {
  const { gt, gte, lt, lte, reverse, limit } = options;
  return {
    ...(gt === undefined ? {} : { gt }),
    ...(gte === undefined ? {} : { gte }),
    ...(lt === undefined ? {} : { lt }),
    ...(lte === undefined ? {} : { lte }),
    reverse,
    limit,
    keys: options.keys !== false,
    values: options.values !== false,
  };
}

/** The caller's signal ended a read. Code and name are those of abstract-level. */
class ReadAbortedError extends Error {
  override readonly name = "AbortError";
  readonly code = "LEVEL_ABORTED";
  constructor(cause: unknown) {
    super("operation has been aborted", { cause });
  }
}

/** Waits for `work` no longer than until `signal` is aborted. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new ReadAbortedError(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
