import type { InstallSnapshot, Message, StorageAppend } from "raft-ts-lite";
import { assert } from "../errors.ts";
import type { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import type { Applier } from "./applier.ts";
import type { EntrySealer } from "./entry-sealer.ts";
import type { PreparedStore, StoreSlot } from "./store-slot.ts";

export interface AppendThreadOptions<Machine extends StateMachine> {
  readonly group: number;
  readonly wal: WriteAheadLog;
  readonly slot: StoreSlot<Machine>;
  readonly sealer: EntrySealer;
  readonly applier: Applier<Machine>;
  /** A received state is the live one from here on; the log that goes with it is not written yet. */
  readonly switched: () => void;
  /** What was written may be acknowledged. */
  readonly deliver: (responses: readonly Message[]) => void;
  readonly failed: (error: unknown) => void;
}

/** Does what the core asks of its storage: writes to the log, and received snapshots, in the order in which they were asked for. */
export class AppendThread<Machine extends StateMachine> {
  readonly #options: AppendThreadOptions<Machine>;
  /** Set while a snapshot is being switched in: later appends wait, because they must reach the log after it. */
  #switching: Promise<void> | undefined;
  #prepared: { readonly index: number; readonly store: PreparedStore<Machine> } | undefined;

  constructor(options: AppendThreadOptions<Machine>) {
    this.#options = options;
  }

  append(message: StorageAppend): void {
    this.#options.sealer.seal(message.entries);
    if (message.snapshot !== undefined) this.#whileSwitching(this.#switchIn(message));
    else if (this.#switching === undefined) this.#watch(this.#write(message));
    else this.#whileSwitching(this.#switching.then(() => this.#write(message)));
  }

  /**
   * Offers the core a snapshot, by `step`, whose state is complete and durable in `store`. Resolves once it is switched in, or with `false`
   * when it was discarded because the log was already beyond it.
   */
  async install(
    message: InstallSnapshot,
    store: PreparedStore<Machine>,
    step: () => void,
  ): Promise<boolean> {
    assert(this.#prepared === undefined, "two snapshots are installed at once");
    const { index } = message.snapshot.metadata;
    this.#prepared = { index, store };
    step();
    await this.#switching;
    if (!this.#isWaiting(store)) return true;
    this.#prepared = undefined;
    await this.#options.slot.discard(store);
    return false;
  }

  /** Resolves when no snapshot is being switched in; never rejects. */
  async idle(): Promise<void> {
    await this.#switching?.catch(() => undefined);
  }

  #isWaiting(store: PreparedStore<Machine>): boolean {
    return this.#prepared?.store === store;
  }

  /** Appends wait behind `step`, until nothing that waits is left. */
  #whileSwitching(step: Promise<void>): void {
    const done = step.finally(() => {
      if (this.#switching === done) this.#switching = undefined;
    });
    this.#switching = done;
    this.#watch(done);
  }

  async #write({ entries, hardState, snapshot, responses }: StorageAppend): Promise<void> {
    await this.#options.wal.append({
      group: this.#options.group,
      entries,
      ...(hardState === undefined ? {} : { hardState }),
      ...(snapshot === undefined ? {} : { snapshot: snapshot.metadata }),
    });
    this.#options.deliver(responses);
  }

  /**
   * The new state first, the log second: a crash in between leaves a state ahead of the log, which the next open takes for a snapshot; the
   * other order would leave a log that begins beyond the state.
   */
  async #switchIn(message: StorageAppend): Promise<void> {
    const prepared = this.#prepared;
    const index = message.snapshot?.metadata.index;
    assert(prepared !== undefined && prepared.index === index, "snapshot without its state");
    await this.#options.applier.switchTo(prepared.store, async () => {
      this.#prepared = undefined;
      this.#options.switched();
      await this.#write(message);
    });
  }

  #watch(promise: Promise<void>): void {
    promise.catch(this.#options.failed);
  }
}
