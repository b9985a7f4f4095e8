import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { prng, type Random } from "@holdfast/platform";
import {
  type ConfState,
  type Entry,
  entrySize,
  type HardState,
  type LogStorage,
  type SnapshotMetadata,
  StorageError,
  type StorageErrorCode,
} from "raft-ts-lite";
import type { TestRunner } from "./test-runner.ts";

/** A storage and the ways in which its owner writes it. Every write is visible once its promise resolved. */
export interface LogStorageUnderTest {
  readonly storage: LogStorage;
  /** Writes entries behind the last one, or from their first on in the place of what is there. */
  append(entries: readonly Entry[]): Promise<void>;
  setHardState(hardState: HardState): Promise<void>;
  /** The log restarts behind a received snapshot. */
  restart(snapshot: SnapshotMetadata): Promise<void>;
  /** Forgets the entries up to `index`, which are applied; a snapshot at or above it can be made. */
  compact(index: number): Promise<void>;
  /** Brings what `entries` called `UNAVAILABLE` into memory. */
  fetch(): Promise<void>;
  /** Closes the storage and opens it again, where that means anything: the new storage. */
  reopen?(): Promise<LogStorageUnderTest>;
  /** Releases what the storage holds. */
  close(): Promise<void>;
}

/** What {@link logStorageSuite} must know of the storage and of the test runner. */
export interface LogStorageSuiteOptions {
  readonly test: TestRunner;
  /** Makes an empty storage. The suite closes it. */
  readonly create: () => Promise<LogStorageUnderTest>;
}

const NOBODY: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const GROUP: ConfState = {
  voters: [1, 2],
  learners: [3],
  votersOutgoing: [2],
  learnersNext: [4],
  autoLeave: true,
};
const WALKS = 8;
const STEPS = 60;

/** Registers the tests of `LogStorage`, as raft-ts-lite defines it. Each needs nothing of the others. */
export function logStorageSuite({ test, create }: LogStorageSuiteOptions): void {
  const run = (name: string, body: (log: Bench) => Promise<void>): void => {
    test(name, async () => {
      const bench = new Bench(await create());
      try {
        await body(bench);
      } finally {
        await bench.close();
      }
    });
  };
  run("a fresh log is empty", fresh);
  run("entries come back as they were written", comesBack);
  run("entries keep to the limit in bytes, but for the first", limitInBytes);
  run("an append replaces what lies at and behind its first entry", replaces);
  run("what was read stays as it was", staysAsRead);
  run("the hard state is the one last written", hardState);
  run("compaction takes the beginning, and keeps its last term", compaction);
  run("everything can be compacted", compactsAll);
  run("a snapshot takes the place of the log", restarts);
  run("a snapshot can be had at or above what is compacted, or later", snapshots);
  run("everything is there after the storage was opened again", reopens);
  for (let seed = 1; seed <= WALKS; seed++) {
    run(`a long life agrees with a plain list (${seed})`, (log) => walk(log, prng(seed)));
  }
}

async function fresh({ storage }: Bench): Promise<void> {
  deepEqual(storage.initialState(), {
    hardState: { term: 0, vote: 0, commit: 0 },
    confState: NOBODY,
  });
  deepEqual([storage.firstIndex(), storage.lastIndex()], [1, 0]);
  deepEqual([storage.term(0), storage.term(1)], [0, 0]);
  return Promise.resolve();
}

async function comesBack(log: Bench): Promise<void> {
  const first: Entry = { type: "Normal", term: 1, index: 1, data: new Uint8Array(0) };
  const second: Entry = { type: "ConfChange", term: 1, index: 2, data: Uint8Array.of(1, 2) };
  const third: Entry = { type: "ConfChangeV2", term: 7, index: 3, data: new Uint8Array(70_000) };
  await log.append([first]);
  await log.append([second, third]);
  deepEqual(plain(await log.read(1, 4)), plain([first, second, third]));
  deepEqual(plain(await log.read(2, 3)), plain([second]));
  await log.check();
}

async function limitInBytes(log: Bench): Promise<void> {
  const all = entries(1, 6, 1, 100);
  await log.append(all);
  // What is in memory from here on is not the question.
  await log.read(2, 7);
  const size = entrySize(all[1] ?? fail("six entries"));
  for (const [bytes, expected] of [
    [0, [2]],
    [size - 1, [2]],
    [size, [2]],
    [2 * size - 1, [2]],
    [2 * size, [2, 3]],
    [Infinity, [2, 3, 4, 5, 6]],
  ] as const) {
    const found = await log.readOnce(2, 7, bytes);
    deepEqual(indexesOf(found), expected);
  }
}

async function replaces(log: Bench): Promise<void> {
  await log.append(entries(1, 9, 1));
  await log.append(entries(5, 6, 2));
  await log.check();
  equal(log.storage.lastIndex(), 6);
  await log.append(entries(7, 8, 3));
  await log.append(entries(1, 1, 4));
  equal(log.storage.lastIndex(), 1);
  await log.check();
}

async function staysAsRead(log: Bench): Promise<void> {
  await log.append(entries(1, 5, 1));
  const read = await log.read(2, 6);
  const before = plain(read);
  await log.append(entries(3, 4, 2));
  await log.compact(3);
  deepEqual(plain(read), before);
}

async function hardState(log: Bench): Promise<void> {
  await log.setHardState({ term: 3, vote: 2, commit: 0 });
  await log.append(entries(1, 2, 3));
  await log.setHardState({ term: 4, vote: 0, commit: 2 });
  deepEqual(log.storage.initialState().hardState, { term: 4, vote: 0, commit: 2 });
}

async function compaction(log: Bench): Promise<void> {
  await log.append(entries(1, 4, 1));
  await log.append(entries(5, 8, 2));
  await log.compact(5);
  deepEqual([log.storage.firstIndex(), log.storage.lastIndex()], [6, 8]);
  equal(log.storage.term(5), 2);
  await log.check();
  await log.compact(7);
  await log.append(entries(9, 10, 2));
  await log.check();
}

async function compactsAll(log: Bench): Promise<void> {
  await log.append(entries(1, 4, 3));
  await log.compact(4);
  deepEqual([log.storage.firstIndex(), log.storage.lastIndex(), log.storage.term(4)], [5, 4, 3]);
  await log.append(entries(5, 6, 3));
  await log.check();
}

async function restarts(log: Bench): Promise<void> {
  await log.append(entries(1, 6, 1));
  await log.setHardState({ term: 5, vote: 1, commit: 4 });
  for (const index of [3, 20]) {
    // Below what is written, and beyond it: nothing of the old log counts any more.
    await log.restart({ index, term: 4, confState: GROUP });
    deepEqual([log.storage.firstIndex(), log.storage.lastIndex()], [index + 1, index]);
    equal(log.storage.term(index), 4);
    deepEqual(log.storage.initialState().confState, GROUP);
    equal(log.storage.initialState().hardState.term, 5);
    await log.append(entries(index + 1, index + 3, 5));
    await log.check();
  }
}

async function snapshots(log: Bench): Promise<void> {
  await log.append(entries(1, 6, 1));
  log.checkSnapshot();
  await log.compact(4);
  log.checkSnapshot();
  await log.restart({ index: 30, term: 2, confState: GROUP });
  log.checkSnapshot();
}

async function reopens(log: Bench): Promise<void> {
  await log.append(entries(1, 9, 1));
  await log.setHardState({ term: 6, vote: 3, commit: 5 });
  await log.compact(3);
  await log.append(entries(8, 12, 2));
  await log.reopen();
  await log.check();
  await log.restart({ index: 40, term: 6, confState: GROUP });
  await log.append(entries(41, 42, 6));
  await log.reopen();
  await log.check();
  deepEqual(log.storage.initialState().confState, GROUP);
}

/** Whatever is written in whatever order: the storage says what a plain list says. */
async function walk(log: Bench, random: Random): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    const { first, last, term } = log;
    switch (random.integer(0, 10)) {
      case 0:
        if (last >= first) await log.compact(random.integer(first, last + 1));
        break;
      case 1:
        await log.restart({
          index: last + random.integer(1, 10),
          term: term + 1,
          confState: GROUP,
        });
        break;
      case 2:
        await log.setHardState({ term: term + 1, vote: random.integer(0, 4), commit: first - 1 });
        break;
      case 3:
        await log.reopen();
        break;
      default: {
        const from = random.integer(Math.max(first, last - 3), last + 2);
        const next = Math.max(1, term + random.integer(0, 2));
        const count = random.integer(0, 7);
        // An older tail may only be replaced by a later term's.
        await log.append(entries(from, from + count, from <= last ? term + 1 : next, step));
      }
    }
    await log.check();
  }
}

/** The storage under test, and beside it the plain list that it must agree with. */
class Bench {
  #log: LogStorageUnderTest;
  #entries: Entry[] = [];
  #compacted = { index: 0, term: 0 };
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };

  constructor(log: LogStorageUnderTest) {
    this.#log = log;
  }

  get storage(): LogStorage {
    return this.#log.storage;
  }

  get first(): number {
    return this.#compacted.index + 1;
  }

  get last(): number {
    return this.#compacted.index + this.#entries.length;
  }

  get term(): number {
    return this.#termOf(this.last);
  }

  async append(added: readonly Entry[]): Promise<void> {
    const from = added[0]?.index ?? this.last + 1;
    this.#entries = [...this.#entries.slice(0, from - this.first), ...added];
    await this.#log.append(added);
  }

  async setHardState(state: HardState): Promise<void> {
    this.#hardState = state;
    await this.#log.setHardState(state);
  }

  async restart(snapshot: SnapshotMetadata): Promise<void> {
    this.#entries = [];
    this.#compacted = { index: snapshot.index, term: snapshot.term };
    await this.#log.restart(snapshot);
  }

  async compact(index: number): Promise<void> {
    const term = this.#termOf(index);
    this.#entries = this.#entries.slice(index - this.#compacted.index);
    this.#compacted = { index, term };
    await this.#log.compact(index);
  }

  async reopen(): Promise<void> {
    if (this.#log.reopen !== undefined) this.#log = await this.#log.reopen();
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  /** One answer of `entries`, fetched before where it is not in memory. */
  async readOnce(lo: number, hi: number, maxBytes: number): Promise<readonly Entry[]> {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        return this.storage.entries(lo, hi, maxBytes);
      } catch (error) {
        if (codeOf(error) !== "UNAVAILABLE") throw error;
        await this.#log.fetch();
      }
    }
    return fail(`entry (${lo}) stays UNAVAILABLE, however often it is fetched`);
  }

  /** All of `[lo, hi)`: a storage may give less than fits. */
  async read(lo: number, hi: number): Promise<readonly Entry[]> {
    const found: Entry[] = [];
    while (lo + found.length < hi) {
      const page = await this.readOnce(lo + found.length, hi, Infinity);
      ok(page.length > 0, `no entries from (${lo + found.length}) on`);
      found.push(...page);
    }
    return found;
  }

  /** Asks for everything that a storage can be asked for. */
  async check(): Promise<void> {
    const { storage, first, last } = this;
    deepEqual([storage.firstIndex(), storage.lastIndex()], [first, last]);
    // Terms first: they must be known without a fetch.
    for (let index = first - 1; index <= last; index++) {
      equal(storage.term(index), this.#termOf(index), `term of entry (${index})`);
    }
    equal(storage.term(last + 1), 0);
    if (first > 1) {
      throws(() => storage.term(first - 2), hasCode("COMPACTED"));
      throws(() => storage.entries(first - 1, first, Infinity), hasCode("COMPACTED"));
    }
    if (last >= first) deepEqual(plain(await this.read(first, last + 1)), plain(this.#entries));
    deepEqual(storage.initialState().hardState, this.#hardState);
    this.checkSnapshot();
  }

  checkSnapshot(): void {
    try {
      const { index } = this.storage.snapshot().metadata;
      ok(index >= this.first - 1, `snapshot of (${index}) is below the log, from (${this.first})`);
    } catch (error) {
      if (codeOf(error) !== "SNAPSHOT_UNAVAILABLE") throw error;
    }
  }

  #termOf(index: number): number {
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#entries[index - this.first]?.term ?? fail(`no entry (${index})`);
  }
}

/** Entries `[from, to]` of one term; `bytes` makes them differ from others at their places. */
function entries(from: number, to: number, term: number, bytes = 20): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const data = new Uint8Array(bytes).fill((from + i) % 251);
    return { type: "Normal", term, index: from + i, data };
  });
}

/** What of an entry must be kept; a storage may give other objects, and other kinds of byte arrays. */
function plain(found: readonly Entry[]): unknown {
  return found.map(({ type, term, index, data }) => ({
    type,
    term,
    index,
    data: Uint8Array.from(data),
  }));
}

function indexesOf(found: readonly Entry[]): number[] {
  return found.map(({ index }) => index);
}

function codeOf(error: unknown): StorageErrorCode | undefined {
  return error instanceof StorageError ? error.code : undefined;
}

function hasCode(code: StorageErrorCode): (error: unknown) => boolean {
  return (error) => codeOf(error) === code;
}

function fail(message: string): never {
  throw new Error(message);
}
