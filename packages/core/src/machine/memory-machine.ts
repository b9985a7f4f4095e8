import { assert, HoldfastError } from "../errors.ts";
import { EMPTY_CONF_STATE } from "../format/conf-state-codec.ts";
import type { Command } from "../format/sealed-batch.ts";
import {
  decodeState,
  encodeState,
  entryHash,
  readSavedState,
  savedStatePath,
  type SavedState,
  writeSavedState,
} from "./memory-machine-state.ts";
import type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  StateMachine,
  StateMachineContext,
  StateMachineFactory,
} from "./state-machine.ts";

/** What {@link memoryMachine} must know of a state. All functions are synchronous and depend on nothing but their arguments. */
export interface MemoryMachineOptions<State> {
  /** Name and version of what `encode` makes, e.g. `queue/1`. A state in another format is refused. */
  readonly format: string;
  /** A state before the first command. A new object for every call. */
  readonly initial: () => State;
  /**
   * Carries one command out, changing `state` in place, and says what it came to. Whoever refuses (`ok: false`) must have changed
   * nothing. The only clock is `entry.logTime`. What it throws stops the node, on every member.
   */
  readonly apply: (state: State, command: Command, entry: CommittedEntry) => CommandResult;
  /** The state as bytes, which belong to the caller. Equal states must give equal bytes. */
  readonly encode: (state: State) => Uint8Array;
  /** The state that `encode` made these bytes of. May throw on others. */
  readonly decode: (bytes: Uint8Array) => State;
}

/** A state in memory. Made by {@link memoryMachine}. */
export interface MemoryMachine<State> extends StateMachine {
  /** Looks at the state. It is the live one: copy what must outlive the call, and change nothing. */
  read<T>(use: (state: State) => T): T;
}

/**
 * Makes a state machine of a state that fits in memory, and in one file: each checkpoint encodes all of it, in one piece, and the log brings back
 * what came later. For states of some megabytes; larger ones belong into a store (`openNode`), or implement {@link StateMachine} themselves.
 *
 * @example
 * ```ts
 * const machine = memoryMachine({
 *   format: "total/1",
 *   initial: () => ({ total: 0 }),
 *   apply: (state, { body }) => ({ ok: true, value: (state.total += body.length) }),
 *   encode: (state) => Buffer.from(JSON.stringify(state)),
 *   decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
 * });
 * const node = await openMachine({ ...settings, machine });
 * ```
 */
export function memoryMachine<State>(
  options: MemoryMachineOptions<State>,
): StateMachineFactory<MemoryMachine<State>> {
  if (options.format === "") throw new TypeError("format must name what encode makes");
  return async (context) => {
    const saved = await readSavedState(context, options.format);
    return new MemoryState(options, context, saved);
  };
}

const FRESH: AppliedState = {
  index: 0,
  term: 0,
  logTime: 0,
  epoch: 0,
  confState: EMPTY_CONF_STATE,
  members: new Map(),
  stateHash: new Uint8Array(32),
};

class MemoryState<State> implements MemoryMachine<State> {
  readonly format: string;
  readonly #options: MemoryMachineOptions<State>;
  readonly #context: StateMachineContext;
  #state: State;
  #applied: AppliedState;
  /** Up to where the file holds the state. */
  #durable: number;
  #failure: unknown;
  #closing: Promise<void> | undefined;

  constructor(
    options: MemoryMachineOptions<State>,
    context: StateMachineContext,
    saved: SavedState | undefined,
  ) {
    this.format = options.format;
    this.#options = options;
    this.#context = context;
    this.#state = saved === undefined ? options.initial() : this.#decoded(saved.state);
    this.#applied = saved?.applied ?? FRESH;
    this.#durable = this.#applied.index;
  }

  read<T>(use: (state: State) => T): T {
    this.#assertUsable();
    return use(this.#state);
  }

  applied(): AppliedState {
    return this.#applied;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- What it throws must become a rejection.
  async apply(entries: readonly CommittedEntry[]): Promise<readonly (readonly CommandResult[])[]> {
    this.#assertUsable();
    try {
      return entries.map((entry) => this.#applyEntry(entry));
    } catch (error) {
      // The state may hold half a command.
      this.#failure = error;
      throw error;
    }
  }

  #applyEntry(entry: CommittedEntry): readonly CommandResult[] {
    const before = this.#applied;
    assert(
      entry.index === before.index + 1,
      `entry (${entry.index}) does not follow the applied one (${before.index})`,
    );
    const { index, term, logTime, epoch } = entry;
    const results = entry.commands.map((command) =>
      this.#options.apply(this.#state, command, entry),
    );
    const { confState, members } = entry.configuration ?? before;
    const stateHash = entryHash(before.stateHash, entry, results);
    this.#applied = { index, term, logTime, epoch, confState, members, stateHash };
    return results;
  }

  checkpoint(): Promise<number> {
    this.#assertUsable();
    return this.#save();
  }

  async #save(): Promise<number> {
    const applied = this.#applied;
    if (applied.index > this.#durable) {
      // Encoded before anything is awaited: what is applied meanwhile is not part of it.
      const state = this.#options.encode(this.#state);
      await writeSavedState(this.#context, this.format, { applied, state });
      this.#durable = Math.max(this.#durable, applied.index);
    }
    return applied.index;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- What `encode` throws must become a rejection.
  async snapshot(): Promise<MachineSnapshot> {
    this.#assertUsable();
    const applied = this.#applied;
    const state = this.#options.encode(this.#state);
    return {
      applied,
      chunks: (maxChunkBytes) => encodeState(this.format, { applied, state }, maxChunkBytes),
      close: () => Promise.resolve(),
    };
  }

  async restore(applied: AppliedState, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#assertUsable();
    assert(this.#applied.index === 0, `restore into a state at (${this.#applied.index})`);
    try {
      this.#state = this.#decoded(await decodeState(this.format, applied.index, chunks));
      this.#applied = { ...applied, stateHash: new Uint8Array(applied.stateHash) };
      await this.#save();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async sizeBytes(): Promise<number> {
    const { platform, location } = this.#context;
    return (await platform.disk.stat(savedStatePath(location)))?.size ?? 0;
  }

  close({ clean }: { readonly clean: boolean }): Promise<void> {
    return (this.#closing ??= this.#close(clean));
  }

  async #close(clean: boolean): Promise<void> {
    if (clean && this.#failure === undefined) await this.#save();
  }

  #decoded(bytes: Uint8Array): State {
    try {
      return this.#options.decode(bytes);
    } catch (cause) {
      throw new HoldfastError("CORRUPT", `a state of format (${this.format}) cannot be decoded`, {
        cause,
      });
    }
  }

  #assertUsable(): void {
    if (this.#closing !== undefined) throw new HoldfastError("CLOSED", "state machine was closed");
    if (this.#failure !== undefined) {
      throw new HoldfastError("STOPPED", "state machine failed before: open it again", {
        cause: this.#failure,
      });
    }
  }
}
