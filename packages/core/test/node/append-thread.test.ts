import type { Message, Snapshot, StorageAppend } from "raft-ts-lite";
import { expect, test } from "vitest";
import type { GroupWrite, WriteAheadLog } from "../../src/log/write-ahead-log.ts";
import type { StateMachine } from "../../src/machine/state-machine.ts";
import { AppendThread, type AppendThreadOptions } from "../../src/node/append-thread.ts";
import type { Applier } from "../../src/node/applier.ts";
import { EntrySealer } from "../../src/node/entry-sealer.ts";
import type { PreparedStore, StoreSlot } from "../../src/node/store-slot.ts";

type Options = AppendThreadOptions<StateMachine>;

/** A log, a state and a core of which each step is noted, and ends when the test says so. */
class Recorder {
  readonly events: string[] = [];
  readonly #steps: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  readonly thread: AppendThread<StateMachine>;

  constructor() {
    const wal = {
      append: ({ entries = [], snapshot }: GroupWrite) =>
        this.#step(snapshot === undefined ? `write ${entries.length}` : "write snapshot"),
    };
    const applier = {
      switchTo: async (_: unknown, then: () => Promise<void>) => {
        await this.#step("switch");
        await then();
      },
    };
    this.thread = new AppendThread<StateMachine>({
      group: 1,
      wal: wal as unknown as WriteAheadLog,
      applier: applier as unknown as Applier<StateMachine>,
      slot: { discard: () => this.#step("discard") } as unknown as StoreSlot<StateMachine>,
      sealer: new EntrySealer(0, () => 0),
      switched: () => this.events.push("switched"),
      deliver: (responses) => this.events.push(`deliver ${responses.length}`),
      failed: (error) => this.events.push(String(error)),
    } satisfies Options);
  }

  async #step(name: string): Promise<void> {
    this.events.push(name);
    await new Promise<void>((resolve, reject) => this.#steps.push({ resolve, reject }));
  }

  /** Ends the oldest step under way, and lets everything happen that follows from it. */
  async end(error?: Error): Promise<void> {
    const step = this.#steps.shift();
    if (error === undefined) step?.resolve();
    else step?.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const RESPONSES: readonly Message[] = [
  { type: "RequestVoteResponse", from: 1, to: 2, term: 2, reject: false },
];

function write(snapshot?: Snapshot): StorageAppend {
  return {
    ...{ type: "StorageAppend", from: 1, to: 0, term: 2, entries: [], responses: RESPONSES },
    hardState: { term: 2, vote: 2, commit: 0 },
    ...(snapshot === undefined ? {} : { snapshot }),
  };
}

test("what waits for a write is delivered when the write is durable, and not before (trap 5)", async () => {
  const recorder = new Recorder();
  recorder.thread.append(write());
  await new Promise((resolve) => setImmediate(resolve));
  expect(recorder.events).toEqual(["write 0"]);
  await recorder.end();
  expect(recorder.events).toEqual(["write 0", "deliver 1"]);
});

test("what waits for a write that fails is never delivered (trap 5)", async () => {
  const recorder = new Recorder();
  recorder.thread.append(write());
  await recorder.end(new Error("the device does not answer"));
  expect(recorder.events).toEqual(["write 0", "Error: the device does not answer"]);
});

test("a received state is switched in before the log restarts behind it, and what follows waits (trap 53)", async () => {
  const recorder = new Recorder();
  const { thread } = recorder;
  const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [] };
  const metadata = { index: 9, term: 2, confState: { ...confState, autoLeave: false } };
  const snapshot = { metadata, data: new Uint8Array(0) };
  const store = { name: "store-2" } as unknown as PreparedStore<StateMachine>;
  const message = { type: "InstallSnapshot", from: 2, to: 1, term: 2, snapshot } as const;
  const installed = thread.install(message, store, () => {
    thread.append(write(snapshot));
    thread.append(write());
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(recorder.events).toEqual(["switch"]);
  await recorder.end();
  expect(recorder.events).toEqual(["switch", "switched", "write snapshot"]);
  await recorder.end();
  expect(recorder.events.slice(3)).toEqual(["deliver 1", "write 0"]);
  await recorder.end();
  expect(await installed).toBe(true);
  expect(recorder.events.slice(5)).toEqual(["deliver 1"]);
});
