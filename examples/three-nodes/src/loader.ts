import { performance } from "node:perf_hooks";
import type { MemberProcess } from "./member-process.ts";
import type { Row } from "./protocol.ts";

const CHUNK_ROWS = 500;
const CHUNKS_IN_FLIGHT = 8;

export interface LoadOptions {
  readonly rows: readonly Row[];
  /** Members that may be written to; asked anew for every attempt. */
  readonly members: () => readonly MemberProcess[];
  /** Called with the number of rows acknowledged so far. */
  readonly progress: (acknowledged: number) => void;
}

/**
 * Writes every row and retries what was not acknowledged. A put can be repeated without harm, so a row whose outcome a dead member took
 * with it is simply put again, on another member.
 */
export class Loader {
  readonly #options: LoadOptions;
  readonly #acknowledged = new Map<string, string>();
  readonly #listeners = new Set<(sentAt: number) => void>();
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Every row that some member acknowledged. */
  get acknowledged(): ReadonlyMap<string, string> {
    return this.#acknowledged;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CHUNKS_IN_FLIGHT }, () => this.#work()));
  }

  /** Resolves with the time of the first acknowledgement of a write that was sent after `time` (both of `performance.now`). */
  acknowledgedAfter(time: number): Promise<number> {
    return new Promise((resolve) => {
      const listener = (sentAt: number): void => {
        if (sentAt < time) return;
        this.#listeners.delete(listener);
        resolve(performance.now());
      };
      this.#listeners.add(listener);
    });
  }

  async #work(): Promise<void> {
    const { rows } = this.#options;
    while (this.#next < rows.length) {
      const chunk = rows.slice(this.#next, this.#next + CHUNK_ROWS);
      this.#next += CHUNK_ROWS;
      await this.#write(chunk);
    }
  }

  async #write(chunk: readonly Row[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const members = this.#options.members();
      const member = members[attempt % members.length];
      if (member === undefined) throw new Error("no member is left to write to");
      const sentAt = performance.now();
      try {
        await member.put(chunk);
      } catch (error) {
        if (attempt < 50) continue;
        throw error;
      }
      for (const [key, value] of chunk) this.#acknowledged.set(key, value);
      for (const listener of [...this.#listeners]) listener(sentAt);
      this.#options.progress(this.#acknowledged.size);
      return;
    }
  }
}
