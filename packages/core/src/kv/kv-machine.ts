import { assert, HoldfastError } from "../errors.ts";
import type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  StateMachine,
  StateMachineFactory,
} from "../machine/state-machine.ts";
import { decodeEntry, planEntry, readHeaders, type DecodedEntry } from "./entry-plan.ts";
import type { StoreOperation } from "./entry-writes.ts";
import { storeReader, type KvReader } from "./kv-reader.ts";
import { memberChanges } from "./members.ts";
import { encodeConfState, encodeMeta } from "./meta-codec.ts";
import {
  decodeChunks,
  encodeChunks,
  KV_SNAPSHOT_FORMAT,
  type StorePairs,
} from "./snapshot-stream.ts";
import { classicLevelEngine, type Store, type StoreEngine } from "./store-engine.ts";
import { META_KEY } from "./store-keys.ts";
import { isReplicated, readState, replicatedPairs } from "./store-state.ts";
import type { KnownHeaders } from "./value-header.ts";

/** Options of {@link kvMachine}. */
export interface KvMachineOptions {
  /** Where keys and values are kept. @defaultValue LevelDB with its default settings */
  readonly engine?: StoreEngine;
}

/** Makes the built-in state machine: a key-value store. */
export function kvMachine(options: KvMachineOptions = {}): StateMachineFactory<KvMachine> {
  const engine = options.engine ?? classicLevelEngine();
  return async (context) => {
    const store = await engine.open(context);
    try {
      return new KvMachine(store, await readState(store.level));
    } catch (error) {
      await store.level.close();
      throw error;
    }
  };
}

const RESTORE_BATCH_BYTES = 1024 * 1024;
/** What a pair costs in a batch besides its bytes, so that many tiny ones are bounded too. */
const PAIR_BYTES = 128;

/** The built-in state machine. Made by {@link kvMachine}. */
export class KvMachine implements StateMachine {
  readonly format: string = KV_SNAPSHOT_FORMAT;
  /** Reads what has been applied. */
  readonly reader: KvReader;
  readonly #store: Store;
  #applied: AppliedState;
  /** Up to where the store was flushed in this life. */
  #durable = 0;
  #failure: unknown;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(store: Store, applied: AppliedState) {
    this.#store = store;
    this.#applied = applied;
    this.reader = storeReader(store.level);
  }

  applied(): AppliedState {
    return this.#applied;
  }

  async apply(entries: readonly CommittedEntry[]): Promise<readonly (readonly CommandResult[])[]> {
    this.#assertUsable();
    try {
      const decoded = entries.map(decodeEntry);
      const known = await readHeaders(this.#store.level, decoded);
      const results: (readonly CommandResult[])[] = [];
      for (const entry of decoded) results.push(await this.#applyEntry(entry, known));
      return results;
    } catch (error) {
      // Part of the entries may be in the store: only a new life can say where it stands.
      this.#failure = error;
      throw error;
    }
  }

  async #applyEntry(decoded: DecodedEntry, known: KnownHeaders): Promise<readonly CommandResult[]> {
    const { entry } = decoded;
    const before = this.#applied;
    assert(
      entry.index === before.index + 1,
      `entry (${entry.index}) does not follow the applied one (${before.index})`,
    );
    const { writes, results } = await planEntry(
      this.#store.level,
      decoded,
      known,
      before.stateHash,
    );
    const { confState, members } = entry.configuration ?? before;
    for (const change of memberChanges(before.members, members)) writes.add(change);
    const after: AppliedState = {
      index: entry.index,
      term: entry.term,
      logTime: entry.logTime,
      epoch: entry.epoch,
      confState,
      members,
      stateHash: writes.hash(entry.configuration && encodeConfState(confState)),
    };
    const batch = this.#store.level.batch();
    writes.addTo(batch);
    await batch.put(META_KEY, encodeMeta(after)).write();
    this.#applied = after;
    return results;
  }

  async checkpoint(): Promise<number> {
    this.#assertUsable();
    return this.#flush();
  }

  async #flush(): Promise<number> {
    const { index } = this.#applied;
    if (index > this.#durable) {
      await this.#store.flush();
      this.#durable = Math.max(this.#durable, index);
    }
    return index;
  }

  async snapshot(): Promise<MachineSnapshot> {
    this.#assertUsable();
    const { level } = this.#store;
    const view = level.snapshot();
    try {
      const applied = await readState(level, view);
      return {
        applied,
        chunks: (maxChunkBytes) =>
          encodeChunks(applied.index, replicatedPairs(level, view), maxChunkBytes),
        close: () => view.close(),
      };
    } catch (error) {
      await view.close();
      throw error;
    }
  }

  async restore(applied: AppliedState, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.#assertUsable();
    assert(this.#applied.index === 0, `restore into a store at (${this.#applied.index})`);
    try {
      await this.#writePairs(decodeChunks(applied.index, chunks));
      const last: StoreOperation[] = memberChanges(new Map(), applied.members);
      last.push({ type: "put", key: META_KEY, value: encodeMeta(applied) });
      await this.#store.level.batch(last);
      this.#applied = { ...applied, stateHash: new Uint8Array(applied.stateHash) };
      await this.#flush();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async #writePairs(groups: StorePairs): Promise<void> {
    let batch: StoreOperation[] = [];
    let bytes = 0;
    for await (const group of groups) {
      for (const [key, value] of group) {
        if (!isReplicated(key)) {
          throw new HoldfastError("CORRUPT", `snapshot holds a key of space (${key[0] ?? -1})`);
        }
        batch.push({ type: "put", key, value });
        bytes += key.length + value.length + PAIR_BYTES;
        if (bytes < RESTORE_BATCH_BYTES) continue;
        await this.#store.level.batch(batch);
        batch = [];
        bytes = 0;
      }
    }
    if (batch.length > 0) await this.#store.level.batch(batch);
  }

  sizeBytes(): Promise<number> {
    return this.#store.sizeBytes();
  }

  close({ clean }: { readonly clean: boolean }): Promise<void> {
    return (this.#closing ??= this.#close(clean));
  }

  async #close(clean: boolean): Promise<void> {
    try {
      if (clean && this.#failure === undefined) await this.#flush();
    } finally {
      await this.#store.level.close();
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
