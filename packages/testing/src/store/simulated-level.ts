import { MemoryLevel } from "memory-level";
import type { StoreContent, StoreWrite } from "./store-content.ts";

/** How long the store takes for what it does. */
export interface StoreDelays {
  /** Resolves when a read is due. */
  read(): Promise<void>;
  /** Carries out a batch when it is due, then resolves. */
  write(happen: () => void): Promise<void>;
}

interface ReadOptions {
  readonly snapshot?: unknown;
}

type Value = Buffer | undefined;

/** What an abstract-level database implements, and what its types keep to themselves. */
interface Internals {
  _get(this: MemoryLevel<Buffer, Buffer>, key: Buffer, options: ReadOptions): Promise<Value>;
  _getMany(
    this: MemoryLevel<Buffer, Buffer>,
    keys: readonly Buffer[],
    options: ReadOptions,
  ): Promise<readonly Value[]>;
  _batch(
    this: MemoryLevel<Buffer, Buffer>,
    operations: readonly StoreWrite[],
    options: object,
  ): Promise<void>;
}

const memory = MemoryLevel.prototype as unknown as Internals;

/**
 * The live state of a store. Reads and batches take time; what an iterator gives is there at once. Keys and values are copied on the way in and out,
 * as LevelDB does.
 */
export class SimulatedLevel extends MemoryLevel<Buffer, Buffer> {
  readonly #content: StoreContent;
  readonly #delays: StoreDelays;
  readonly #writing = new Set<Promise<void>>();

  constructor(content: StoreContent, delays: StoreDelays) {
    super({ keyEncoding: "buffer", valueEncoding: "buffer" });
    this.#content = content;
    this.#delays = delays;
  }

  /** Shows what the host has kept. Before anything else. */
  async load(): Promise<void> {
    for (const batch of this.#content.all()) await memory._batch.call(this, batch, {});
  }

  async _get(key: Buffer, options: ReadOptions): Promise<Value> {
    await this.#delays.read();
    return copied(await memory._get.call(this, key, options));
  }

  async _getMany(keys: readonly Buffer[], options: ReadOptions): Promise<readonly Value[]> {
    await this.#delays.read();
    const values = await memory._getMany.call(this, keys, options);
    return values.map(copied);
  }

  async _has(key: Buffer, options: ReadOptions): Promise<boolean> {
    return (await this._get(key, options)) !== undefined;
  }

  async _hasMany(keys: readonly Buffer[], options: ReadOptions): Promise<readonly boolean[]> {
    return (await this._getMany(keys, options)).map((value) => value !== undefined);
  }

  _put(key: Buffer, value: Buffer): Promise<void> {
    return this._batch([{ type: "put", key, value }]);
  }

  _del(key: Buffer): Promise<void> {
    return this._batch([{ type: "del", key }]);
  }

  async _batch(operations: readonly StoreWrite[]): Promise<void> {
    const writing = this.#write(operations.map(copyOf));
    this.#writing.add(writing);
    try {
      await writing;
    } finally {
      this.#writing.delete(writing);
    }
  }

  async #write(batch: readonly StoreWrite[]): Promise<void> {
    const happen = this.#content.begin(() => {
      this.#content.add(batch);
    });
    await this.#delays.write(happen);
    await memory._batch.call(this, batch, {});
  }

  async _clear(options: object): Promise<void> {
    const keys = await this.keys(options).all();
    await this._batch(keys.map((key) => ({ type: "del", key })));
  }

  /** What was begun belongs to the next one who opens the store, too. */
  async _close(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }
}

function copyOf(write: StoreWrite): StoreWrite {
  const key = Buffer.from(write.key);
  return write.type === "put"
    ? { type: "put", key, value: Buffer.from(write.value) }
    : { type: "del", key };
}

function copied(value: Value): Value {
  return value === undefined ? undefined : Buffer.from(value);
}
