import type { GroupLog } from "../log/group-log.ts";

interface EntryFetcherHandlers {
  /** What was missing may be there now; if not, it is asked for again. */
  readonly fetched: () => void;
  readonly failed: (error: unknown) => void;
}

/** Brings entries that the core missed from the disk into memory: one read at a time, and only while something is missing. */
export class EntryFetcher {
  readonly #log: GroupLog;
  readonly #handlers: EntryFetcherHandlers;
  #running = false;

  constructor(log: GroupLog, handlers: EntryFetcherHandlers) {
    this.#log = log;
    this.#handlers = handlers;
  }

  /** Begins to fetch, if entries are missing and none are being fetched. */
  runIfWanted(): void {
    if (this.#log.wanted && !this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#log.fetch();
      this.#handlers.fetched();
    } catch (error) {
      this.#handlers.failed(error);
    } finally {
      this.#running = false;
    }
  }
}
