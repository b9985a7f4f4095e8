import type { HoldfastError } from "../../src/errors.ts";
import type { Command } from "../../src/format/sealed-batch.ts";
import type { DatabasePort, WriteLimits } from "../../src/database/port.ts";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import type { KvCapture, KvIterator, KvReader } from "../../src/kv/kv-reader.ts";
import type { CommandResult } from "../../src/machine/state-machine.ts";
import { entryAt, type MachineFixture } from "../kv/machine-fixture.ts";

/** What a port was asked for. */
export interface PortCounts {
  entries: number;
  commands: number;
  barriers: number;
  readIndexes: number;
  getMany: number;
  hasMany: number;
}

interface Waiting {
  readonly command: Command;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

const NO_COUNTS: PortCounts = {
  entries: 0,
  commands: 0,
  barriers: 0,
  readIndexes: 0,
  getMany: 0,
  hasMany: 0,
};

/**
 * The node as the database sees it, without Raft: what is proposed is committed at once. Whether the local state follows is up to
 * the test, so that it can be a replica that lags.
 */
export class MachinePort implements DatabasePort {
  limits: WriteLimits = {
    maxKeyBytes: 1_024,
    maxValueBytes: 65_536,
    maxBatchBytes: 1_048_576,
    maxPendingBytes: 4_194_304,
  };
  counts: PortCounts = { ...NO_COUNTS };
  /** When set, reads and writes are refused with it. */
  refusal: HoldfastError | undefined;
  /** When set, ReadIndex rounds that begin end no earlier than what it returns. */
  round: (() => Promise<void>) | undefined;
  /** Captures, and iterators over them, that were not closed. */
  openCaptures = 0;
  openIterators = 0;
  readonly #fixture: MachineFixture;
  #location: string | undefined;
  #machine: KvMachine | undefined;
  #switches = new Set<() => void>();
  #turn: Waiting[] = [];
  /** Committed entries that are not applied yet. */
  #log: (readonly Waiting[])[] = [];
  #commitIndex = 0;
  #lagging = false;
  #applying: Promise<void> = Promise.resolve();
  #barriers: { readonly index: number; readonly resolve: () => void }[] = [];

  constructor(fixture: MachineFixture) {
    this.#fixture = fixture;
  }

  get machine(): KvMachine {
    if (this.#machine === undefined) throw new Error("port is not open");
    return this.#machine;
  }

  async open(): Promise<void> {
    if (this.#machine !== undefined) return;
    this.#location ??= await this.#fixture.location();
    this.#machine = await this.#fixture.open({ location: this.#location });
    this.#commitIndex = this.#machine.applied().index;
  }

  endReads(): void {
    // Barriers of this port answer by themselves unless a test holds them up, and those tests close nothing.
  }

  async close(): Promise<void> {
    await this.#applying;
    await this.#machine?.close({ clean: false });
    this.#machine = undefined;
  }

  propose(command: Command): Promise<unknown> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.counts.commands++;
    return new Promise((resolve, reject) => {
      if (this.#turn.push({ command, resolve, reject }) === 1) queueMicrotask(() => this.#commit());
    });
  }

  async readBarrier(): Promise<number> {
    this.counts.barriers++;
    const index = await this.#readIndex();
    if (this.machine.applied().index < index) {
      await new Promise<void>((resolve) => this.#barriers.push({ index, resolve }));
    }
    return index;
  }

  readIndex(): Promise<number> {
    this.counts.readIndexes++;
    return this.#readIndex();
  }

  async #readIndex(): Promise<number> {
    if (this.refusal !== undefined) throw this.refusal;
    await this.round?.();
    // A leader that has just been elected, or a round that was lost, answers with what was committed meanwhile, too.
    return this.#commitIndex;
  }

  reader(): KvReader {
    const reader = this.machine.reader;
    return {
      ...reader,
      getMany: (keys) => {
        this.counts.getMany++;
        return reader.getMany(keys);
      },
      hasMany: (keys) => {
        this.counts.hasMany++;
        return reader.hasMany(keys);
      },
      capture: () => this.#capture(reader),
    };
  }

  #capture(reader: KvReader): KvCapture {
    const capture = reader.capture();
    const closed = once(() => this.openCaptures--);
    this.openCaptures++;
    return {
      ...capture,
      iterator: (range) => this.#iterator(capture.iterator(range)),
      close: () => {
        closed();
        return capture.close();
      },
    };
  }

  #iterator(iterator: KvIterator): KvIterator {
    const closed = once(() => this.openIterators--);
    this.openIterators++;
    return {
      ...iterator,
      close: () => {
        closed();
        return iterator.close();
      },
    };
  }

  onSwitch(listener: () => void): () => void {
    this.#switches.add(listener);
    return () => this.#switches.delete(listener);
  }

  /** From here on, what is committed is not applied until `catchUp`. */
  lag(): void {
    this.#lagging = true;
  }

  catchUp(): void {
    this.#lagging = false;
    this.#apply();
  }

  /** Another client's write: committed, and acknowledged by a node that has applied it. */
  acknowledgeElsewhere(command: Command): void {
    this.#append([{ command, resolve: () => undefined, reject: () => undefined }]);
  }

  resetCounts(): void {
    this.counts = { ...NO_COUNTS };
  }

  /** Replaces the state by a snapshot of itself, as if it had been received. The old one is closed when `before` has ended. */
  async switchState(before?: () => Promise<void>): Promise<void> {
    const old = this.machine;
    const snapshot = await old.snapshot();
    this.#location = await this.#fixture.location();
    const machine = await this.#fixture.open({ location: this.#location });
    await machine.restore(snapshot.applied, snapshot.chunks(65_536));
    await snapshot.close();
    this.#machine = machine;
    for (const listener of this.#switches) listener();
    await before?.();
    await old.close({ clean: false });
  }

  #commit(): void {
    const turn = this.#turn;
    this.#turn = [];
    this.#append(turn);
  }

  #append(commands: readonly Waiting[]): void {
    this.#log.push(commands);
    this.#commitIndex++;
    this.counts.entries++;
    if (!this.#lagging) this.#apply();
  }

  #apply(): void {
    this.#applying = this.#applying.then(async () => {
      for (let batch = this.#log.shift(); batch !== undefined; batch = this.#log.shift()) {
        const index = this.machine.applied().index + 1;
        const commands = batch.map(({ command }) => command);
        const [results = []] = await this.machine.apply([entryAt(index, commands)]);
        batch.forEach((waiting, i) => settle(waiting, results[i]));
        const due = this.#barriers.filter((barrier) => barrier.index <= index);
        this.#barriers = this.#barriers.filter((barrier) => barrier.index > index);
        for (const barrier of due) barrier.resolve();
      }
    });
  }
}

function settle(waiting: Waiting, result: CommandResult | undefined): void {
  if (result?.ok === true) waiting.resolve(result.value);
  else waiting.reject(result?.error ?? new Error("no result"));
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
