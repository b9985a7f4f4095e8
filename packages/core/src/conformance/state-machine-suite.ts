import { deepEqual, equal, notDeepEqual, ok, rejects } from "node:assert/strict";
import { HoldfastError } from "../errors.ts";
import type { Command } from "../format/sealed-batch.ts";
import type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  StateMachine,
} from "../machine/state-machine.ts";

import type { TestRunner } from "./test-runner.ts";

/** What {@link stateMachineSuite} must know of the state machine and of the test runner. */
export interface StateMachineSuiteOptions {
  readonly test: TestRunner;
  /** Makes an empty directory. The suite does not remove it. */
  readonly location: () => Promise<string>;
  /** Opens the state machine there. The suite closes it. */
  readonly open: (location: string, lostUnsynced: boolean) => Promise<StateMachine>;
  /** The command with this number, from 0. Equal numbers give equal commands; each changes the state; some undo what others did. */
  readonly command: (number: number) => Command;
  /** All that the machine holds beside its applied state, in a form that `assert.deepEqual` can compare. */
  readonly contents: (machine: StateMachine) => Promise<unknown>;
}

const ENTRIES = 30;
const CHUNK_BYTES = 512;

/** Registers the tests. Each needs nothing of the others. */
export function stateMachineSuite(options: StateMachineSuiteOptions): void {
  const bench = new Bench(options);
  const { test } = options;
  test("a fresh machine stands before the log", () => bench.fresh());
  test("apply answers every command and takes its place from the entry", () => bench.answers());
  test("entries at once and one by one come to the same", () => bench.grouping());
  test("a command more or less changes the state hash", () => bench.hashCovers());
  test("a change of configuration is kept", () => bench.configuration());
  test("a clean close loses nothing", () => bench.cleanClose());
  test("a checkpoint holds when what came after it is lost", () => bench.lostUnsynced());
  test("a snapshot shows one state, whatever is applied meanwhile", () => bench.fixedView());
  test("a snapshot restores, and the log goes on from there", () => bench.restores());
  test("chunks keep to their bound", () => bench.chunkBound());
  test("a stream that is cut, shuffled or damaged is refused", () => bench.refusals());
  test("closing twice is closing once", () => bench.closesTwice());
}

class Bench {
  readonly #options: StateMachineSuiteOptions;

  constructor(options: StateMachineSuiteOptions) {
    this.#options = options;
  }

  async fresh(): Promise<void> {
    const machine = await this.#open();
    const { index, term, stateHash, members } = machine.applied();
    deepEqual([index, term, stateHash.length, members.size], [0, 0, 32, 0]);
    await machine.close({ clean: false });
  }

  async answers(): Promise<void> {
    const machine = await this.#open();
    const entries = this.#entries(1, 3);
    const results = await machine.apply(entries);
    deepEqual(
      results.map(({ length }) => length),
      entries.map(({ commands }) => commands.length),
    );
    const { index, term, logTime, epoch } = machine.applied();
    const last = this.#entry(3);
    deepEqual([index, term, logTime, epoch], [3, last.term, last.logTime, last.epoch]);
    await machine.close({ clean: false });
  }

  async grouping(): Promise<void> {
    const [together, apart] = [await this.#open(), await this.#open()];
    const entries = this.#entries(1, ENTRIES);
    const answers = await together.apply(entries);
    const oneByOne: (readonly CommandResult[])[] = [];
    for (const entry of entries) oneByOne.push(...(await apart.apply([entry])));
    deepEqual(answers, oneByOne);
    await this.#sameState(together, apart);
  }

  async hashCovers(): Promise<void> {
    const [machine, other] = [await this.#open(), await this.#open()];
    const entry = this.#entry(1);
    await machine.apply([entry]);
    await other.apply([{ ...entry, commands: entry.commands.slice(1) }]);
    notDeepEqual(machine.applied().stateHash, other.applied().stateHash);
    // What once differed is never forgotten.
    for (const each of [machine, other]) await each.apply([this.#entry(2)]);
    notDeepEqual(machine.applied().stateHash, other.applied().stateHash);
    await machine.close({ clean: false });
    await other.close({ clean: false });
  }

  async configuration(): Promise<void> {
    const location = await this.#options.location();
    const machine = await this.#options.open(location, false);
    const configuration = {
      confState: {
        voters: [1, 2],
        learners: [3],
        votersOutgoing: [1],
        learnersNext: [4],
        autoLeave: true,
      },
      members: new Map([1, 2, 3].map((id) => [id, { address: `127.0.0.1:${id}` }] as const)),
    };
    await machine.apply([{ ...this.#entry(1), configuration }, this.#entry(2)]);
    await machine.close({ clean: true });
    const again = await this.#options.open(location, false);
    deepEqual(again.applied().confState, configuration.confState);
    deepEqual(again.applied().members, configuration.members);
    const fewer = new Map([...configuration.members].slice(1));
    await again.apply([{ ...this.#entry(3), configuration: { ...configuration, members: fewer } }]);
    await again.close({ clean: true });
    const third = await this.#options.open(location, false);
    deepEqual(third.applied().members, fewer);
    await third.close({ clean: false });
  }

  async cleanClose(): Promise<void> {
    const location = await this.#options.location();
    const machine = await this.#options.open(location, false);
    await machine.apply(this.#entries(1, ENTRIES));
    await machine.close({ clean: true });
    await this.#sameState(await this.#options.open(location, true), await this.#machineAt(ENTRIES));
  }

  async lostUnsynced(): Promise<void> {
    const location = await this.#options.location();
    const machine = await this.#options.open(location, false);
    await machine.apply(this.#entries(1, 10));
    equal(await machine.checkpoint(), 10);
    await machine.apply(this.#entries(11, 20));
    await machine.close({ clean: false });
    const again = await this.#options.open(location, true);
    const { index } = again.applied();
    ok(index >= 10, `went back to (${index}), before the checkpoint (10)`);
    const twin = await this.#machineAt(index);
    deepEqual(await this.#options.contents(again), await this.#options.contents(twin));
    for (const each of [again, twin]) await each.apply(this.#entries(index + 1, ENTRIES));
    await this.#sameState(again, twin);
  }

  async fixedView(): Promise<void> {
    const machine = await this.#machineAt(10);
    const applying = machine.apply(this.#entries(11, 20));
    const snapshot = await machine.snapshot();
    await applying;
    await machine.apply(this.#entries(21, ENTRIES));
    const copy = await this.#restored(snapshot);
    const { index } = snapshot.applied;
    ok(10 <= index && index <= 20, `snapshot of (${index}), taken between (10) and (20)`);
    await this.#sameState(copy, await this.#machineAt(index));
    await machine.close({ clean: false });
  }

  async restores(): Promise<void> {
    const machine = await this.#machineAt(20);
    const location = await this.#options.location();
    const copy = await this.#options.open(location, false);
    const snapshot = await machine.snapshot();
    await copy.restore(snapshot.applied, snapshot.chunks(CHUNK_BYTES));
    await snapshot.close();
    await snapshot.close();
    await copy.close({ clean: false });
    // A restored state is durable without anything further.
    const again = await this.#options.open(location, true);
    deepEqual(again.applied(), machine.applied());
    for (const each of [again, machine]) await each.apply(this.#entries(21, ENTRIES));
    await this.#sameState(again, machine);
  }

  async chunkBound(): Promise<void> {
    const machine = await this.#machineAt(ENTRIES);
    const chunks = await this.#chunks(machine);
    ok(chunks.every(({ length }) => length <= CHUNK_BYTES));
    await machine.close({ clean: false });
  }

  async refusals(): Promise<void> {
    const machine = await this.#machineAt(ENTRIES);
    const applied = machine.applied();
    const chunks = await this.#chunks(machine);
    ok(chunks.length >= 3, "commands are too small to fill chunks");
    const [first, second, ...rest] = chunks;
    for (const wrong of [
      chunks.slice(0, -1),
      chunks.slice(1),
      [second, first, ...rest],
      [first, first, second, ...rest],
      [first, ...rest],
      [...chunks, first],
      chunks.map((chunk, i) => (i === 1 ? damagedCopy(chunk) : chunk)),
    ]) {
      await this.#refuses(applied, wrong);
    }
    await machine.close({ clean: false });
  }

  async closesTwice(): Promise<void> {
    const machine = await this.#machineAt(1);
    await machine.close({ clean: true });
    await machine.close({ clean: false });
  }

  async #refuses(
    applied: AppliedState,
    chunks: readonly (Uint8Array | undefined)[],
  ): Promise<void> {
    const machine = await this.#open();
    await rejects(
      machine.restore(applied, stream(chunks)),
      (error) => error instanceof HoldfastError && error.code === "CORRUPT",
    );
    await machine.close({ clean: false });
  }

  async #chunks(machine: StateMachine): Promise<Uint8Array[]> {
    const snapshot = await machine.snapshot();
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks(CHUNK_BYTES)) chunks.push(chunk);
    await snapshot.close();
    return chunks;
  }

  async #restored(snapshot: MachineSnapshot): Promise<StateMachine> {
    const copy = await this.#open();
    await copy.restore(snapshot.applied, snapshot.chunks(CHUNK_BYTES));
    await snapshot.close();
    return copy;
  }

  async #open(): Promise<StateMachine> {
    return this.#options.open(await this.#options.location(), false);
  }

  async #machineAt(index: number): Promise<StateMachine> {
    const machine = await this.#open();
    await machine.apply(this.#entries(1, index));
    return machine;
  }

  /** Compares two machines, then closes them. */
  async #sameState(one: StateMachine, other: StateMachine): Promise<void> {
    deepEqual(one.applied(), other.applied());
    deepEqual(await this.#options.contents(one), await this.#options.contents(other));
    await one.close({ clean: false });
    await other.close({ clean: false });
  }

  /** The entries from `first` to `last`, both included. */
  #entries(first: number, last: number): CommittedEntry[] {
    return Array.from({ length: last - first + 1 }, (_, i) => this.#entry(first + i));
  }

  /** Every fifth entry is empty, as that of a new leader. */
  #entry(index: number): CommittedEntry {
    const commands = Array.from({ length: index % 5 === 0 ? 0 : 1 + (index % 3) }, (_, i) =>
      this.#options.command(3 * index + i),
    );
    return { index, term: 1 + Math.floor(index / 8), logTime: 1_000 * index, epoch: 1, commands };
  }
}

function damagedCopy(chunk: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(chunk);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 0x10;
  return copy;
}

async function* stream(
  chunks: readonly (Uint8Array | undefined)[],
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of chunks) {
    // Chunks come from a network.
    await Promise.resolve();
    if (chunk !== undefined) yield chunk;
  }
}
