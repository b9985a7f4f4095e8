import { HoldfastError } from "../errors.ts";
import type { KvCapture } from "../kv/kv-reader.ts";
import type { CapturedView, CapturedViews } from "./captured-view.ts";
import { OwnedSnapshot, READ_INDEX, type SnapshotOptions } from "./level-types.ts";
import { PointReads } from "./point-reads.ts";
import type { RangeSource } from "./range-reader.ts";

/**
 * The state of this node at the moment of `db.snapshot()`, to read from as often as wanted.
 *
 * Capturing is synchronous, as Level promises, so it cannot wait for the state to be recent enough; whether it was is known when
 * the read index of that moment arrives. The first read waits for that and rejects with `STALE` when this node had not yet
 * applied everything that may have been acknowledged before the call. That is never so for what was acknowledged on this node,
 * but writes of others that are being applied just then are enough: where there are many, and on nodes that lag, use
 * `db.currentSnapshot()`, which waits before it captures.
 */
export class HoldfastSnapshot extends OwnedSnapshot implements RangeSource {
  /** The database that made this snapshot and whose data it holds. */
  readonly database: object;
  readonly #views: CapturedViews;
  readonly #view: CapturedView;
  readonly #reads: PointReads;
  #recent = false;

  constructor(database: object, views: CapturedViews, options: SnapshotOptions) {
    // Before anything is attached to the owner, because it throws while the state is being replaced.
    const view = views.take(options[READ_INDEX]);
    super(options);
    this.database = database;
    this.#views = views;
    this.#view = view;
    this.#reads = new PointReads({
      ready: () => this.capture(),
      store: () => view.capture,
      generation: () => 0,
    });
  }

  /** See {@link RangeSource}. */
  get ended(): HoldfastError | undefined {
    return this.#view.ended;
  }

  /** The captured state, once it is known to be recent enough. */
  async capture(): Promise<KvCapture> {
    if (!this.#recent) await this.#check();
    if (this.ended !== undefined) throw this.ended;
    return this.#view.capture;
  }

  /** The snapshot is closed by whoever asked for it, not by an iterator that reads through it. */
  release(): Promise<void> {
    return Promise.resolve();
  }

  /** As `PointReads.getMany`. */
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return this.#read(() => this.#reads.getMany(keys));
  }

  /** As `PointReads.hasMany`. */
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#read(() => this.#reads.hasMany(keys));
  }

  protected _close(): Promise<void> {
    return this.#views.release(this.#view);
  }

  async #check(): Promise<void> {
    const { read, applied } = await this.#view.indexes();
    if (applied < read) {
      throw new HoldfastError(
        "STALE",
        `the snapshot holds entries up to (${applied}), a linearizable read needs (${read}): take another snapshot`,
      );
    }
    this.#recent = true;
  }

  async #read<T>(step: () => Promise<T>): Promise<T> {
    // abstract-level's has() and hasMany() let go of the snapshot before they are done, so it is held here as well.
    this.ref();
    try {
      return await step();
    } catch (error) {
      throw this.ended ?? error;
    } finally {
      this.unref();
    }
  }
}
