import {
  AbstractLevel,
  type AbstractIterator,
  type AbstractKeyIterator,
  type AbstractSnapshot,
  type AbstractValueIterator,
} from "abstract-level";
import { batchCommand, deleteCommand, putCommand, type KvOperation } from "../kv/kv-commands.ts";
import { CallOrder } from "./call-order.ts";
import { CapturedViews } from "./captured-view.ts";
import { clearRange, clearSnapshot } from "./clear-range.ts";
import type { HoldfastDatabase, HoldfastDatabaseOptions } from "./holdfast-database.ts";
import { HoldfastSnapshot } from "./holdfast-snapshot.ts";
import {
  HoldfastIterator,
  HoldfastKeyIterator,
  HoldfastValueIterator,
  type EncodedIteratorOptions,
} from "./iterators.ts";
import {
  READ_INDEX,
  type BatchOperation,
  type ClearOptions,
  type PointReadOptions,
  type RangeReadOptions,
  type SnapshotOptions,
} from "./level-types.ts";
import { PointReads } from "./point-reads.ts";
import type { DatabasePort } from "./port.ts";
import { OwnRangeSource, RangeReader } from "./range-reader.ts";
import { checkBatch, checkOperation } from "./write-limits.ts";

/** A {@link HoldfastDatabase} over the node behind `port`, which it opens and closes. */
export class LevelDatabase<KDefault = string, VDefault = string>
  extends AbstractLevel<Buffer, KDefault, VDefault>
  implements HoldfastDatabase<KDefault, VDefault>
{
  readonly #port: DatabasePort;
  readonly #order: CallOrder;
  readonly #views: CapturedViews;
  readonly #reads: PointReads;
  #unsubscribe: (() => void) | undefined;

  constructor(port: DatabasePort, options: HoldfastDatabaseOptions<KDefault, VDefault> = {}) {
    super(
      {
        encodings: { buffer: true },
        implicitSnapshots: true,
        explicitSnapshots: true,
        has: true,
        seek: true,
        permanence: true,
        createIfMissing: false,
        errorIfExists: false,
        signals: { iterators: true },
      },
      options,
    );
    this.#port = port;
    // Iterators are closed before `_close` is called, and closing one waits for its read.
    this.on("closing", () => {
      port.endReads();
    });
    this.#order = new CallOrder(port);
    this.#views = new CapturedViews(port, this.#order);
    this.#reads = new PointReads({
      ready: () => port.readBarrier(),
      store: () => port.reader(),
      generation: () => this.#views.generation,
    });
  }

  async currentSnapshot(): Promise<AbstractSnapshot> {
    if (this.status === "opening") return this.deferAsync(() => this.currentSnapshot());
    // For a database that is not open, snapshot() is what says so.
    const known = this.status === "open" ? { [READ_INDEX]: await this.#port.readBarrier() } : {};
    return this.snapshot(known);
  }

  /** Calls `propose` for a write that does not come through this interface: in the order of the calls, behind the iterators made before. */
  inOrder<T>(bytes: number, propose: () => Promise<T>): Promise<T> {
    return this.#order.inOrder(bytes, propose);
  }

  protected async _open(): Promise<void> {
    this.#unsubscribe ??= this.#port.onSwitch(() => {
      this.#views.endAll();
    });
    await this.#port.open();
    this.#reads.open();
  }

  protected async _close(): Promise<void> {
    await this.#reads.close();
    await this.#port.close();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  protected async _put(key: Buffer, value: Buffer): Promise<void> {
    checkOperation({ type: "put", key, value }, this.#port.limits);
    await this.#order.propose(putCommand(key, value));
  }

  protected async _del(key: Buffer): Promise<void> {
    checkOperation({ type: "delete", key }, this.#port.limits);
    // The command keeps the key until it is sealed, and the caller may reuse the buffer.
    await this.#order.propose(deleteCommand(Buffer.from(key)));
  }

  protected async _batch(operations: readonly BatchOperation[]): Promise<void> {
    const kvOperations = operations.map(kvOperation);
    checkBatch(kvOperations, this.#port.limits);
    await this.#order.propose(batchCommand(kvOperations));
  }

  protected async _clear(options: ClearOptions): Promise<void> {
    const snapshot = this.#ownSnapshot(options);
    const propose = this.#order.propose.bind(this.#order);
    if (snapshot === undefined) await clearRange(propose, options);
    else await clearSnapshot(propose, snapshot, options, this.#port.limits);
  }

  protected async _get(key: Buffer, options: PointReadOptions): Promise<Buffer | undefined> {
    const [value] = await this._getMany([key], options);
    return value;
  }

  protected async _getMany(
    keys: readonly Buffer[],
    options: PointReadOptions,
  ): Promise<(Buffer | undefined)[]> {
    refuseConsistency(options);
    return (this.#ownSnapshot(options) ?? this.#reads).getMany(keys);
  }

  protected async _has(key: Buffer, options: PointReadOptions): Promise<boolean> {
    const [present] = await this._hasMany([key], options);
    return present === true;
  }

  protected async _hasMany(keys: readonly Buffer[], options: PointReadOptions): Promise<boolean[]> {
    refuseConsistency(options);
    return (this.#ownSnapshot(options) ?? this.#reads).hasMany(keys);
  }

  protected _iterator(
    options: RangeReadOptions & EncodedIteratorOptions,
  ): AbstractIterator<this, Buffer, Buffer> {
    return new HoldfastIterator(this, options, this.#rangeReader(options));
  }

  protected _keys(
    options: RangeReadOptions & EncodedIteratorOptions,
  ): AbstractKeyIterator<this, Buffer> {
    const reader = this.#rangeReader({ ...options, keys: true, values: false });
    return new HoldfastKeyIterator(this, options, reader);
  }

  protected _values(
    options: RangeReadOptions & EncodedIteratorOptions,
  ): AbstractValueIterator<this, Buffer, Buffer> {
    const reader = this.#rangeReader({ ...options, keys: false, values: true });
    return new HoldfastValueIterator(this, options, reader);
  }

  protected _snapshot(options: SnapshotOptions): AbstractSnapshot {
    refuseConsistency(options);
    return new HoldfastSnapshot(this, this.#views, options);
  }

  #rangeReader(options: RangeReadOptions): RangeReader {
    refuseConsistency(options);
    const source = this.#ownSnapshot(options) ?? new OwnRangeSource(this.#views);
    return new RangeReader(source, options);
  }

  #ownSnapshot({ snapshot }: PointReadOptions): HoldfastSnapshot | undefined {
    if (snapshot === undefined || snapshot === null) return undefined;
    if (snapshot instanceof HoldfastSnapshot && snapshot.database === this) return snapshot;
    throw new TypeError("option 'snapshot' is a snapshot of another database");
  }
}

function kvOperation(operation: BatchOperation): KvOperation {
  if (operation.sublevel !== undefined && operation.sublevel !== null) {
    // Its prefix is not in the key, so the write would end up among this database's own keys.
    throw new TypeError("a batch operation names a sublevel of another database");
  }
  return operation.type === "put" ? operation : { type: "delete", key: operation.key };
}

/** Read levels come later. Until then it must not seem as if one was honoured. */
function refuseConsistency(options: object): void {
  if ("consistency" in options) {
    throw new TypeError("option 'consistency' is not known: every read is linearizable");
  }
}
