import type { ConfChangeV2, ConfState, Entry } from "raft-ts-lite";
import { assert } from "../errors.ts";
import type { BatchOrigin } from "../format/sealed-batch.ts";
import type { AppliedState, CommandResult, StateMachine } from "../machine/state-machine.ts";
import { openCommitted, type OpenedEntry } from "./committed-entries.ts";
import type { PreparedStore, StoreSlot } from "./store-slot.ts";

/** Where a replica stands; the part of {@link AppliedState} that it follows along. */
export type ReplicaApplied = Omit<AppliedState, "stateHash">;

export interface ApplierOptions<Machine extends StateMachine> {
  readonly slot: StoreSlot<Machine>;
  readonly applied: ReplicaApplied;
  /** Tells the core; what the configuration is from here on. */
  readonly applyChange: (change: ConfChangeV2) => ConfState;
  /** A batch was applied, as the commands from `first` on of entry `index`; one result per command. */
  readonly settleBatch: (
    origin: BatchOrigin,
    results: readonly CommandResult[],
    index: number,
    first: number,
  ) => void;
  /** An entry of this term was applied, and its batches are settled. */
  readonly settleTerm: (term: number) => void;
  /** A change of the configuration was applied. */
  readonly settleChange: (change: ConfChangeV2, applied: ReplicaApplied) => void;
}

/** How many entries without commands are remembered; one per change of leader or configuration, for as long as a read takes. */
const MAX_WITHOUT_COMMANDS = 32;

/** Takes committed entries, and received snapshots, to the state machine: one after the other, in the order of the log. */
export class Applier<Machine extends StateMachine> {
  readonly #options: ApplierOptions<Machine>;
  #applied: ReplicaApplied;
  #running: Promise<void> = Promise.resolve();
  /** Indexes of the newest applied entries without commands, which leave the state as it was. */
  #withoutCommands: number[] = [];
  readonly #listeners = new Set<(index: number) => void>();

  constructor(options: ApplierOptions<Machine>) {
    this.#options = options;
    this.#applied = options.applied;
  }

  get applied(): ReplicaApplied {
    return this.#applied;
  }

  /** Calls `listener` with the new applied index after every step. Returns the way to end that. */
  onApplied(listener: (index: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The last entry up to the applied `index` that can have changed the state: a view of the state at that entry is one at `index`, too. Without this the
   * first entry of a new leader would make every open view look old.
   */
  lastCommandIndex(index: number): number {
    let last = index;
    while (this.#withoutCommands.includes(last)) last -= 1;
    return last;
  }

  /** Applies entries behind everything that was given before. */
  apply(entries: readonly Entry[]): Promise<void> {
    return this.#inOrder(async () => {
      if (entries.length === 0) return;
      await this.#apply(entries);
      this.#announce();
    });
  }

  /** Switches in a received state behind everything that was given before; `then` runs before anything that follows. */
  switchTo(prepared: PreparedStore<Machine>, then: () => Promise<void>): Promise<void> {
    return this.#inOrder(async () => {
      await this.#options.slot.switchTo(prepared);
      this.#applied = prepared.machine.applied();
      await then();
      this.#announce();
    });
  }

  /** Resolves when nothing is running; never rejects. */
  async idle(): Promise<void> {
    await this.#running.catch(ignore);
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(step);
    return this.#running;
  }

  async #apply(entries: readonly Entry[]): Promise<void> {
    const { slot, applyChange } = this.#options;
    let { members } = this.#applied;
    const opened = entries.map((entry) => {
      const one = openCommitted(entry, applyChange, members);
      members = one.committed.configuration?.members ?? members;
      return one;
    });
    const results = await slot.machine.apply(opened.map((one) => one.committed));
    assert(
      results.length === opened.length,
      "state machine answered for another number of entries",
    );
    opened.forEach((one, i) => {
      this.#settle(one, results[i] ?? []);
    });
  }

  #settle({ committed, spans, change }: OpenedEntry, results: readonly CommandResult[]): void {
    const { index, term, logTime, epoch, configuration, commands } = committed;
    const { settleBatch, settleTerm, settleChange } = this.#options;
    this.#applied = { ...(configuration ?? this.#applied), index, term, logTime, epoch };
    if (commands.length === 0) {
      this.#withoutCommands = [...this.#withoutCommands.slice(-MAX_WITHOUT_COMMANDS), index];
    }
    for (const { origin, from, to } of spans) {
      settleBatch(origin, results.slice(from, to), index, from);
    }
    settleTerm(term);
    if (change !== undefined) settleChange(change, this.#applied);
  }

  #announce(): void {
    for (const listener of [...this.#listeners]) listener(this.#applied.index);
  }
}

function ignore(): void {
  // Whoever gave the step learns of it.
}
