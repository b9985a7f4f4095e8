import type { Entry } from "raft-ts-lite";
import { countBatches } from "../format/sealed-batch.ts";
import { sealEntry, sealOf, stampOf } from "../format/sealed-entry.ts";

/** Stamps the entries that this node appended as leader, once; everybody else's carry their seal already. */
export class EntrySealer {
  readonly #wallTime: () => number;
  #lastLogTime: number;

  /** `lastLogTime`: that of the last entry in the log, so that the next one is not before it. */
  constructor(lastLogTime: number, wallTime: () => number) {
    this.#lastLogTime = lastLogTime;
    this.#wallTime = wallTime;
  }

  seal(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const sealed = sealOf(entry);
      if (sealed === undefined) this.#stamp(entry);
      else this.#lastLogTime = Math.max(this.#lastLogTime, stampOf(sealed).logTime);
    }
  }

  #stamp(entry: Entry): void {
    this.#lastLogTime = Math.max(this.#lastLogTime, Math.floor(this.#wallTime()));
    const batches = entry.type === "Normal" ? countBatches(entry.data) : 0;
    sealEntry(entry, { logTime: this.#lastLogTime, epoch: 0, batches });
  }
}
