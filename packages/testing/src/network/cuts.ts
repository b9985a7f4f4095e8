/** Whether nothing gets from one host to another. */
type Cut = (from: number, to: number) => boolean;

/** Where the network is cut: any number of cuts at a time. They hold for hosts that come later, too. */
export class Cuts {
  #cuts: Cut[] = [];
  readonly #quarantined = new Set<number>();

  /** No group hears another. Hosts in no group hear everybody. */
  partition(groups: readonly (readonly number[])[]): void {
    const groupOf = new Map<number, number>();
    for (const [place, group] of groups.entries()) {
      for (const host of group) groupOf.set(host, place);
    }
    this.#cuts.push((from, to) => {
      const [one, other] = [groupOf.get(from), groupOf.get(to)];
      return one !== undefined && other !== undefined && one !== other;
    });
  }

  isolate(host: number): void {
    this.#cuts.push((from, to) => from === host || to === host);
  }

  blockOneWay(from: number, to: number): void {
    this.#cuts.push((a, b) => a === from && b === to);
  }

  /** As `isolate`, but for good. */
  quarantine(host: number): void {
    this.#quarantined.add(host);
  }

  heal(): void {
    this.#cuts = [];
  }

  isCut(from: number, to: number): boolean {
    if (from === to) return false;
    if (this.#quarantined.has(from) || this.#quarantined.has(to)) return true;
    return this.#cuts.some((cut) => cut(from, to));
  }
}
