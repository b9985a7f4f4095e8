import { HoldfastError } from "../errors.ts";
import type { KvReads } from "../kv/kv-reader.ts";

/** What point reads need of a store. */
export type PointStore = Pick<KvReads, "getMany" | "hasMany">;

/** What a batch of point reads reads from, and when it may. */
export interface PointSource {
  /** Resolves when everything that was acknowledged before this call is in the store. */
  ready(): Promise<unknown>;
  /** The store of this moment. */
  store(): PointStore;
  /** Changes whenever `store()` does. A read that fails on a store that was replaced meanwhile is repeated on the new one. */
  generation(): number;
}

interface PointRead {
  readonly keys: readonly Uint8Array[];
  /** Exactly one of the two is set: which says whether values are wanted, or only whether there are any. */
  readonly found?: (values: (Buffer | undefined)[]) => void;
  readonly present?: (answers: boolean[]) => void;
  readonly fail: (reason: unknown) => void;
}

// LevelDB reads share four threads with all other work of the process, so a flood of single reads would stand in everyone's
// way. Two calls keep one in the store while the next one is on its way; more only make queues that nobody sees.
const MAX_OUTSTANDING_CALLS = 2;
const MAX_KEYS_PER_CALL = 4_096;

/**
 * Answers point reads in batches. Reads that begin together wait for one barrier, and what a barrier lets through goes to the
 * store in one call, together with whatever other barriers let through in the same turn.
 */
export class PointReads {
  readonly #source: PointSource;
  #arriving: PointRead[] = [];
  #ready: PointRead[] = [];
  #closed = false;
  #pumping = false;
  #outstanding = 0;
  #idle: (() => void)[] = [];

  constructor(source: PointSource) {
    this.#source = source;
  }

  /** The values of `keys`, in their order. */
  getMany(keys: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return new Promise((found, fail) => {
      this.#arrive({ keys, found, fail });
    });
  }

  /** Whether `keys` exist, in their order. */
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return new Promise((present, fail) => {
      this.#arrive({ keys, present, fail });
    });
  }

  /** Reads are answered until `close`, and again from here on. */
  open(): void {
    this.#closed = false;
  }

  /** Resolves once no call to the store is under way. Reads that still wait for their barrier are rejected with `CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#outstanding === 0 && this.#ready.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #arrive(read: PointRead): void {
    // The barrier is asked for after the last read of the group has arrived, never before: a read that joined a barrier
    // which is older than itself could miss a write that was acknowledged in between.
    if (this.#arriving.push(read) === 1) queueMicrotask(() => void this.#depart());
  }

  async #depart(): Promise<void> {
    const group = this.#arriving;
    this.#arriving = [];
    try {
      await this.#source.ready();
      if (this.#closed) throw new HoldfastError("CLOSED", "database was closed during the read");
    } catch (error) {
      for (const read of group) read.fail(error);
      return;
    }
    for (const read of group) this.#ready.push(read);
    this.#schedule();
  }

  /** Leaves the other groups that were let through in this turn time to join. */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      while (this.#outstanding < MAX_OUTSTANDING_CALLS && this.#ready.length > 0) {
        this.#outstanding++;
        void this.#serve(this.#take());
      }
    });
  }

  #take(): PointRead[] {
    let keys = 0;
    let count = 0;
    for (const read of this.#ready) {
      keys += read.keys.length;
      if (count > 0 && keys > MAX_KEYS_PER_CALL) break;
      count++;
    }
    return this.#ready.splice(0, count);
  }

  /** Never rejects: every failure goes to the reads it belongs to. */
  async #serve(reads: readonly PointRead[]): Promise<void> {
    try {
      await this.#answer(reads);
    } catch (error) {
      for (const read of reads) read.fail(error);
    }
    this.#outstanding--;
    if (this.#ready.length > 0) this.#schedule();
    else if (this.#outstanding === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #answer(reads: readonly PointRead[]): Promise<void> {
    for (;;) {
      const generation = this.#source.generation();
      try {
        const store = this.#source.store();
        await Promise.all([answerGets(store, reads), answerHas(store, reads)]);
        return;
      } catch (error) {
        // The store that replaced this one is newer, so the barrier holds for it as well.
        if (this.#source.generation() === generation) throw error;
      }
    }
  }
}

async function answerGets(store: PointStore, reads: readonly PointRead[]): Promise<void> {
  const wanted = reads.filter((read) => read.found !== undefined);
  if (wanted.length === 0) return;
  const values = await store.getMany(keysOf(wanted));
  let at = 0;
  for (const { keys, found } of wanted) found?.(values.slice(at, (at += keys.length)));
}

async function answerHas(store: PointStore, reads: readonly PointRead[]): Promise<void> {
  const wanted = reads.filter((read) => read.present !== undefined);
  if (wanted.length === 0) return;
  const answers = await store.hasMany(keysOf(wanted));
  let at = 0;
  for (const { keys, present } of wanted) present?.(answers.slice(at, (at += keys.length)));
}

function keysOf(reads: readonly PointRead[]): Uint8Array[] {
  return reads.flatMap((read) => read.keys);
}
