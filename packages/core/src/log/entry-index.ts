import { assert } from "../errors.ts";

/** Entries a page describes. Small, since a process may hold a thousand groups. */
const PAGE_ENTRIES = 512;

interface Page {
  /** Log position at which the sealed entry begins. */
  readonly positions: Float64Array;
  /** Sealed bytes of all entries up to and with this one, counted from an arbitrary origin. */
  readonly totals: Float64Array;
}

/** Entries from `start` to the next run have this term. */
interface TermRun {
  readonly start: number;
  readonly term: number;
}

/**
 * Where the entries of one group are and which terms they have: sixteen bytes an entry, and no step that takes longer as the log
 * grows. Terms never fall along a log, so they are kept as runs.
 */
export class EntryIndex {
  /** Index of the entry before the first one; its term is known unless {@link hasGap}. */
  #base = 0;
  #last = 0;
  /** The last entry that was compacted, or is in the snapshot behind which the log begins. Not above `#base`. */
  #compactedIndex = 0;
  #compactedTerm = 0;
  #runs: TermRun[] = [];
  #pages: Page[] = [];
  /** Number of the first of `#pages`; page n describes entries [n × PAGE_ENTRIES, (n + 1) × PAGE_ENTRIES). */
  #firstPage = 0;
  #baseTotal = 0;
  #lastTotal = 0;

  get base(): number {
    return this.#base;
  }

  get last(): number {
    return this.#last;
  }

  /** Sealed bytes of the entries. */
  get bytes(): number {
    return this.#lastTotal - this.#baseTotal;
  }

  /** Entries before the first one are missing without a record that they were compacted. Only while a log is replayed. */
  get hasGap(): boolean {
    return this.#compactedIndex < this.#base;
  }

  /** Index of the last entry that is known to be compacted. */
  get compactedIndex(): number {
    return this.#compactedIndex;
  }

  /** Forgets every entry: those up to `base` are compacted. */
  restart(base: number, term: number): void {
    this.#compactedIndex = base;
    this.#compactedTerm = term;
    this.skipTo(base);
  }

  /**
   * Forgets every entry; the next one is `base + 1`. Unless everything up to `base` is compacted, that leaves a gap, which a later
   * compaction or replacement may close.
   */
  skipTo(base: number): void {
    this.#base = base;
    this.#last = base;
    this.#runs = [];
    this.#pages = [];
    this.#baseTotal = this.#lastTotal = 0;
  }

  /** Adds the entry `last + 1`, whose sealed form is `length` bytes at `position`. */
  append(term: number, position: number, length: number): void {
    const index = this.#last + 1;
    const number = Math.floor(index / PAGE_ENTRIES);
    if (this.#pages.length === 0) this.#firstPage = number;
    let page = this.#pages[number - this.#firstPage];
    if (page === undefined) {
      page = {
        positions: new Float64Array(PAGE_ENTRIES),
        totals: new Float64Array(PAGE_ENTRIES),
      };
      this.#pages.push(page);
    }
    const slot = index % PAGE_ENTRIES;
    page.positions[slot] = position;
    this.#lastTotal += length;
    page.totals[slot] = this.#lastTotal;
    if (this.#runs.at(-1)?.term !== term) this.#runs.push({ start: index, term });
    this.#last = index;
  }

  /** Forgets the entries from `from` on, which is above `base`. */
  truncate(from: number): void {
    if (from > this.#last) return;
    assert(from > this.#base, `truncation from (${from}) reaches below (${this.#base + 1})`);
    this.#last = from - 1;
    this.#lastTotal = this.#totalAt(this.#last);
    while (this.#runs.length > 0 && (this.#runs.at(-1)?.start ?? 0) >= from) this.#runs.pop();
    this.#pages.length =
      this.#last === this.#base ? 0 : Math.floor(this.#last / PAGE_ENTRIES) - this.#firstPage + 1;
  }

  /** Forgets the entries up to `index`. Beyond the last one, the log restarts behind `index`. */
  compact(index: number, term: number): void {
    if (index <= this.#compactedIndex) return;
    if (index >= this.#last) {
      this.restart(index, term);
      return;
    }
    this.#compactedIndex = index;
    this.#compactedTerm = term;
    if (index <= this.#base) return;
    this.#baseTotal = this.#totalAt(index);
    this.#base = index;
    const firstPage = Math.floor((index + 1) / PAGE_ENTRIES);
    this.#pages.splice(0, firstPage - this.#firstPage);
    this.#firstPage = firstPage;
    const run = this.#runAt(index + 1);
    this.#runs.splice(0, run);
  }

  /** The term of entry `index`, which is in [base, last]. 0 when it is the unknown one before a gap. */
  termOf(index: number): number {
    if (index === this.#base) return this.hasGap ? 0 : this.#compactedTerm;
    return this.#runs[this.#runAt(index)]?.term ?? 0;
  }

  /** The log position of entry `index`, which is in [base + 1, last]. */
  positionOf(index: number): number {
    return this.#pageOf(index).positions[index % PAGE_ENTRIES] ?? 0;
  }

  /** The sealed bytes of entry `index`, which is in [base + 1, last]. */
  lengthOf(index: number): number {
    return this.#totalAt(index) - this.#totalAt(index - 1);
  }

  /** Sealed bytes of the entries from `index` on. */
  bytesFrom(index: number): number {
    if (index > this.#last) return 0;
    return this.#lastTotal - this.#totalAt(Math.max(index - 1, this.#base));
  }

  #totalAt(index: number): number {
    if (index === this.#base) return this.#baseTotal;
    return this.#pageOf(index).totals[index % PAGE_ENTRIES] ?? 0;
  }

  #pageOf(index: number): Page {
    const page = this.#pages[Math.floor(index / PAGE_ENTRIES) - this.#firstPage];
    if (page === undefined) {
      assert(false, `entry (${index}) is not in [${this.#base + 1}, ${this.#last}]`);
    }
    return page;
  }

  /** The place in `#runs` of the run that holds `index`. */
  #runAt(index: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    // Nearly every question is about the newest term.
    if (index >= (this.#runs[high]?.start ?? 0)) return high;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#runs[middle]?.start ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
