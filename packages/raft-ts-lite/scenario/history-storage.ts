import { StorageError } from "../src/errors.ts";
import { MemoryLogStorage } from "../src/memory-storage.ts";
import type { ConfState, Entry, HardState, Snapshot } from "../src/message.ts";
import type { LogStorage } from "../src/storage.ts";

/**
 * A log in memory below a state machine that keeps a snapshot of every state it ever had. Whoever asks for a snapshot
 * gets the newest of them, so that a scenario decides by what it applied, not by what it compacted.
 */
export class HistoryStorage implements LogStorage {
  readonly log: MemoryLogStorage = new MemoryLogStorage();
  /** Entries below this index are on the disk and not in memory. */
  unavailableBelow = 0;
  /** No snapshot can be had just now. */
  snapshotUnavailable = false;
  readonly #history: Snapshot[];

  /** @param first - the state before anything was applied: an empty one, or the one the node is bootstrapped with. */
  constructor(first: Snapshot) {
    this.#history = [first];
  }

  /** The state now. As in the recordings, a snapshot that was received is not part of it: no scenario looks at that. */
  get newest(): Snapshot {
    const newest = this.#history.at(-1);
    if (newest === undefined) throw new Error("history without a first state");
    return newest;
  }

  /** The last index whose effect survives a restart. */
  get applied(): number {
    return Math.max(this.newest.metadata.index, this.log.snapshot().metadata.index);
  }

  /** Appends `update` to the state: the state machine of scenarios concatenates. */
  apply(entry: Entry, update: Uint8Array, confState?: ConfState): void {
    const { data, metadata: last } = this.newest;
    const next = new Uint8Array(data.length + update.length);
    next.set(data);
    next.set(update, data.length);
    this.#history.push({
      metadata: { index: entry.index, term: entry.term, confState: confState ?? last.confState },
      data: next,
    });
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    const { hardState, confState } = this.log.initialState();
    const received = this.log.snapshot().metadata.index > this.newest.metadata.index;
    return { hardState, confState: received ? confState : this.newest.metadata.confState };
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo < this.unavailableBelow) {
      throw new StorageError("UNAVAILABLE", `entry (${lo}) is not in memory`);
    }
    return this.log.entries(lo, hi, maxBytes);
  }

  term(index: number): number {
    return this.log.term(index);
  }

  firstIndex(): number {
    return this.log.firstIndex();
  }

  lastIndex(): number {
    return this.log.lastIndex();
  }

  snapshot(): Snapshot {
    if (this.snapshotUnavailable) {
      throw new StorageError("SNAPSHOT_UNAVAILABLE", "no snapshot can be had just now");
    }
    return this.newest;
  }
}
