import { Worker } from "node:worker_threads";
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
}

/** One buffer with a memory of its own, because it is handed over to the other thread. */
function join(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  const joined = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let at = 0;
  for (const buffer of buffers) {
    joined.set(buffer, at);
    at += buffer.length;
  }
  return joined;
}

/**
 * The thread that writes and syncs the log of a {@link Disk}. It starts with the first append and keeps the process alive only
 * while an append is under way. Jobs are carried out, and settled, in the order in which they were given.
 */
export class AppendThread {
  #worker: Worker | undefined;
  #nextFile = 1;
  #closed: Promise<void> | undefined;
  /** Set when the thread died: it may have died between a write and its sync, so nothing more is accepted. */
  #dead: Error | undefined;
  readonly #waiting: Waiting[] = [];
  #settled = 0;
  #onIdle: (() => void) | undefined;

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
    const data = join(buffers);
    const job: AppendJob = { file, fd, position, data };
    worker.postMessage(job, [data.buffer]);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Waits for the jobs under way, then ends the thread. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
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
    const worker = new Worker(APPEND_WORKER_SOURCE, {
      eval: true,
      execArgv: [],
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

  #settle({ count, error }: AppendOutcome): void {
    const failure =
      error === undefined ? undefined : Object.assign(new Error(error.message), error);
    for (let left = count; left > 0; left -= 1) {
      const waiting = this.#waiting[this.#settled];
      this.#settled += 1;
      if (failure === undefined) waiting?.resolve();
      else waiting?.reject(failure);
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
