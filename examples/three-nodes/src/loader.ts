import { performance } from "node:perf_hooks";
import type { MemberProcess } from "./member-process.ts";
import type { Row } from "./protocol.ts";

const MAX_CHUNK_ROWS = 500;
/** However small the data set is, each half of it takes several chunks. */
const MIN_CHUNKS = 16;
const CHUNKS_IN_FLIGHT = 8;
const MAX_ATTEMPTS = 50;

export interface LoadOptions {
  readonly rows: readonly Row[];
  /** Members that may be written to; asked anew for every attempt. */
  readonly members: () => readonly MemberProcess[];
  /** Awaited before the row at this place, and those behind it, are written. */
  readonly beforeRow: (row: number) => Promise<void>;
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
  /** Resolves when the first row of the second half is acknowledged, with the time of `performance.now`. */
  readonly acknowledgedInSecondHalf: Promise<number>;
  #reachSecondHalf: (at: number) => void = () => undefined;
  readonly #chunkRows: number;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#chunkRows = Math.min(MAX_CHUNK_ROWS, Math.ceil(options.rows.length / MIN_CHUNKS));
    this.acknowledgedInSecondHalf = new Promise((resolve) => {
      this.#reachSecondHalf = resolve;
    });
  }

  /** Every row that some member acknowledged. */
  get acknowledged(): ReadonlyMap<string, string> {
    return this.#acknowledged;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: CHUNKS_IN_FLIGHT }, () => this.#work()));
    // A data set of a single row has no second half.
    this.#reachSecondHalf(performance.now());
  }

  async #work(): Promise<void> {
    const { rows, beforeRow } = this.#options;
    while (this.#next < rows.length) {
      const first = this.#next;
      this.#next += this.#chunkRows;
      await beforeRow(first);
      await this.#write(rows.slice(first, first + this.#chunkRows));
      if (first >= rows.length / 2) this.#reachSecondHalf(performance.now());
    }
  }

  async #write(chunk: readonly Row[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const members = this.#options.members();
      const member = members[attempt % members.length];
      if (member === undefined) throw new Error("no member is left to write to");
      try {
        await member.put(chunk);
        break;
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS) throw error;
      }
    }
    for (const [key, value] of chunk) this.#acknowledged.set(key, value);
    this.#options.progress(this.#acknowledged.size);
  }
}
