import type { NodeInspection } from "@holdfast/core/inspection";

type Log = Pick<NodeInspection, "firstIndex" | "lastIndex" | "termOf">;

/** Terms of compacted entries are given up in pieces of this size. */
const TRIM_ENTRIES = 1_024;

/**
 * The terms of one node's log as they were last seen. Bringing it up to date costs nothing but a comparison of the
 * two ends when the log is as it was, and else as much as changed: the way back from the tail ends where index and
 * term agree, since all before it then agrees as well. For the case that it does not, one more entry is compared each
 * time, in turn.
 */
export class LogCopy {
  /** The index whose term is the first of `#terms`. */
  #offset = 0;
  #terms: number[] = [0];
  #base = 0;
  #turn = 0;

  /** The last entry that is compacted, or part of the snapshot at which the log begins. */
  get base(): number {
    return this.#base;
  }

  get last(): number {
    return this.#offset + this.#terms.length - 1;
  }

  /** `undefined` below `base` and beyond `last`. */
  termOf(index: number): number | undefined {
    return index < this.#base ? undefined : this.#terms[index - this.#offset];
  }

  /**
   * Takes over how the log is now. Returns the lowest index that is not as it was: of an entry that is new, that
   * differs, or that is gone; one behind the end when nothing changed. What was compacted did not change. A log that begins earlier
   * than before was to begin behind a snapshot, and a crash came first: of such a one only the end is compared.
   */
  update(log: Log): number {
    const last = log.lastIndex;
    const base = log.firstIndex - 1;
    if (base > this.last || base < this.#offset) {
      const isBack = base < this.#offset;
      this.#restart(log, base, last);
      return isBack ? last + 1 : base;
    }
    this.#base = base;
    let same = Math.min(last, this.last);
    while (same >= base && log.termOf(same) !== this.#terms[same - this.#offset]) same -= 1;
    same = this.#compareOne(log, same);
    if (same < last || last < this.last) {
      this.#terms.length = Math.max(0, same + 1 - this.#offset);
      this.#copy(log, same + 1, last);
    }
    this.#trim();
    return same + 1;
  }

  #compareOne(log: Log, same: number): number {
    this.#turn = this.#turn >= same ? this.#base : Math.max(this.#turn + 1, this.#base);
    const differs =
      this.#turn <= same && log.termOf(this.#turn) !== this.#terms[this.#turn - this.#offset];
    return differs ? this.#turn - 1 : same;
  }

  #restart(log: Log, base: number, last: number): void {
    this.#offset = base;
    this.#base = base;
    this.#terms = [];
    this.#copy(log, base, last);
  }

  #copy(log: Log, from: number, last: number): void {
    // A log with a hole is broken, and for the invariants to tell: no entry has the term -1.
    for (let index = from; index <= last; index++) this.#terms.push(log.termOf(index) ?? -1);
  }

  #trim(): void {
    const gone = this.#base - this.#offset;
    if (gone < TRIM_ENTRIES) return;
    this.#terms.splice(0, gone);
    this.#offset = this.#base;
  }
}
