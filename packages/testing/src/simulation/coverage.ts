/** Counts what a simulation showed: faults that had an effect, and rare branches that were taken. */
export class Coverage {
  readonly #hits = new Map<string, number>();

  /** Something was seen. */
  hit(name: string, times = 1): void {
    this.#hits.set(name, (this.#hits.get(name) ?? 0) + times);
  }

  /** Sorted by name. */
  get hits(): ReadonlyMap<string, number> {
    return new Map([...this.#hits].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
