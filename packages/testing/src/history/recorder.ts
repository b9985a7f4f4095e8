import type { HistoryEvent, HistoryOperation, HistoryResult } from "./history.ts";

/** What a recorder needs of its world. */
export interface HistoryRecorderOptions {
  /** The time of now in milliseconds, for people: only the order of the calls counts. */
  now(): number;
}

/**
 * Records in memory what clients ask for and what they are told, in the order in which it happens. Both calls belong where the client
 * itself stands: `invoke` before anything is sent, the others after the answer is in its hands.
 */
export class HistoryRecorder {
  readonly #options: HistoryRecorderOptions;
  readonly #events: HistoryEvent[] = [];
  /** The process of each operation that is open. */
  readonly #open = new Map<number, number>();
  readonly #busy = new Set<number>();
  #lastId = 0;

  constructor(options: HistoryRecorderOptions) {
    this.#options = options;
  }

  /** Everything so far, in order. Grows with each call; to be read, not changed. */
  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** An operation begins. Answers its number. Throws a `TypeError` when the process has one open: what it does must be in sequence. */
  invoke(process: number, operation: HistoryOperation): number {
    if (this.#busy.has(process)) {
      throw new TypeError(`process (${process}) has an open operation`);
    }
    const id = (this.#lastId += 1);
    this.#busy.add(process);
    this.#open.set(id, process);
    this.#events.push({ type: "invoke", id, process, time: this.#options.now(), operation });
    return id;
  }

  /** It took effect, and answered this. */
  ok(id: number, result: HistoryResult): void {
    const process = this.#close(id);
    this.#events.push({ type: "ok", id, process, time: this.#options.now(), result });
  }

  /** It had no effect, and never will. */
  fail(id: number, reason?: string): void {
    this.#end("fail", id, reason);
  }

  /** It may have taken effect, may still do so, or never. Its process may go on. */
  unknown(id: number, reason?: string): void {
    this.#end("unknown", id, reason);
  }

  #end(type: "fail" | "unknown", id: number, reason: string | undefined): void {
    const event = { type, id, process: this.#close(id), time: this.#options.now() };
    this.#events.push(reason === undefined ? event : { ...event, reason });
  }

  #close(id: number): number {
    const process = this.#open.get(id);
    if (process === undefined) throw new TypeError(`operation (${id}) is not open`);
    this.#open.delete(id);
    this.#busy.delete(process);
    return process;
  }
}
