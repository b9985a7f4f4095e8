import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { AppendRing } from "./append-ring.ts";
import {
  APPEND_WORKER_SOURCE,
  type AppendJob,
  type AppendOutcome,
  type ForgetFile,
} from "./append-worker.ts";

/** Settled jobs are forgotten in batches of this size, so that a log that is never idle does not grow the queue for ever. */
const TRIM_AFTER = 1_024;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
  /** What its place in the ring is worth; 0 when it has none. */
  readonly cost: number;
}

/**
 * Bigger than what a busy log writes at once, which is a few entries of 1 MiB; bigger appends are copied to a buffer of their own, whose pages the system must
 * make each time. What is never written to takes no memory.
 */
const RING_BYTES = 8 * 1024 * 1024;

/** One buffer with a memory of its own, because it is handed over to the other thread. */
function join(buffers: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let end = 0;
  for (const buffer of buffers) {
    joined.set(buffer, end);
    end += buffer.length;
  }
  return joined;
}

/** The properties of a system error do not survive the way between threads on their own. */
function revive(error: Error): Error {
  return Object.assign(new Error(error.message), error);
}

/**
 * The thread that writes and syncs the log of a {@link Disk}. It starts with the first append and keeps the process alive only
 * while an append is under way. Jobs are carried out, and settled, in the order in which they were given.
 */
export class AppendThread {
  readonly #program: string;
  #worker: Worker | undefined;
  #nextFile = 1;
  #closed: Promise<void> | undefined;
  /** Set when the thread died: it may have died between a write and its sync, so nothing more is accepted. */
  #dead: Error | undefined;
  #ringMemory: AppendRing | undefined;
  readonly #waiting: Waiting[] = [];
  #settled = 0;
  #onIdle: (() => void) | undefined;

  constructor(program: string = APPEND_WORKER_SOURCE) {
    this.#program = program;
  }

  /** A number for an open file, under which its jobs run. */
  register(): number {
    const file = this.#nextFile;
    this.#nextFile += 1;
    return file;
  }

  /** To be called once, when no job of `file` is under way and none will follow. */
  forget(file: number): void {
    const message: ForgetFile = { forget: file };
    this.#worker?.postMessage(message);
  }

  /** Writes the buffers (or none) at `position` of the descriptor and syncs it. Rejects with the system's error. */
  append(
    file: number,
    fd: number,
    position: number,
    buffers: readonly Uint8Array[],
  ): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Error("the disk is closed"));
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const worker = (this.#worker ??= this.#start());
    if (this.#idle) worker.ref();
    const cost = this.#post(worker, file, fd, position, buffers);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject, cost });
    });
  }

  #post(
    worker: Worker,
    file: number,
    fd: number,
    position: number,
    buffers: readonly Uint8Array[],
  ): number {
    let length = 0;
    for (const buffer of buffers) length += buffer.length;
    const place = this.#ring.put(buffers, length);
    if (place !== undefined) {
      const job: AppendJob = { file, fd, position, at: place.at, length };
      worker.postMessage(job);
      return place.cost;
    }
    const data = join(buffers, length);
    const job: AppendJob = { file, fd, position, at: 0, length, data };
    worker.postMessage(job, [data.buffer]);
    return 0;
  }

  /** Waits for the jobs under way, then ends the thread. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  get #ring(): AppendRing {
    return (this.#ringMemory ??= new AppendRing(RING_BYTES));
  }

  get #idle(): boolean {
    return this.#settled === this.#waiting.length;
  }

  async #end(): Promise<void> {
    if (!this.#idle) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // No execArgv: loaders and inspectors of the embedder have no business in this thread.
    const worker = new Worker(this.#program, {
      eval: true,
      execArgv: [],
      workerData: this.#ring.memory,
      name: "holdfast-append",
    });
    worker.on("message", (outcome: AppendOutcome) => {
      this.#settle(outcome);
    });
    worker.on("error", (cause) => {
      this.#die(new Error("the append thread failed", { cause }));
    });
    worker.on("exit", () => {
      this.#die(new Error("the append thread ended"));
    });
    return worker;
  }

  #settle(outcome: AppendOutcome): void {
    const count = typeof outcome === "number" ? outcome : outcome.count;
    const failure = typeof outcome === "number" ? undefined : revive(outcome.error);
    for (let left = count; left > 0; left -= 1) {
      const waiting = this.#waiting[this.#settled];
      assert(waiting !== undefined, "the append thread answered more than it was asked");
      this.#settled += 1;
      this.#ring.release(waiting.cost);
      if (failure === undefined) waiting.resolve();
      else waiting.reject(failure);
    }
    if (this.#idle || this.#settled >= TRIM_AFTER) {
      this.#waiting.splice(0, this.#settled);
      this.#settled = 0;
    }
    if (!this.#idle) return;
    this.#worker?.unref();
    this.#onIdle?.();
  }

  #die(error: Error): void {
    this.#dead ??= error;
    const lost = this.#waiting.splice(0).slice(this.#settled);
    this.#settled = 0;
    for (const waiting of lost) waiting.reject(this.#dead);
    this.#onIdle?.();
  }
}
