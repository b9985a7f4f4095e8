/** How one host's packets travel to another. Loss, duplication and reordering concern frames of Raft messages only. */
export interface LinkFaults {
  readonly delayMinMs: number;
  /** On average; what exceeds the least delay is drawn from an exponential distribution. */
  readonly delayMeanMs: number;
  /** Per frame of Raft messages. */
  readonly lossProbability: number;
  /** Per frame of Raft messages: a second copy arrives later on the same connection. */
  readonly duplicateProbability: number;
  /** Per frame of Raft messages: later ones may overtake it. */
  readonly reorderProbability: number;
  /** Per frame of any kind: it takes many times as long, and what comes behind it waits, as with a packet that TCP sends again. */
  readonly slowProbability: number;
  /** Per frame of any kind: its connection breaks. */
  readonly resetProbability: number;
  /** Nothing gets through; TCP tries again until it gives up. */
  readonly blocked: boolean;
  /** The bandwidth that all connections in this direction share. */
  readonly bytesPerMs: number;
}

/** A network in a quiet data centre. */
const CALM: LinkFaults = {
  delayMinMs: 0.1,
  delayMeanMs: 0.3,
  lossProbability: 0,
  duplicateProbability: 0,
  reorderProbability: 0,
  slowProbability: 0,
  resetProbability: 0,
  blocked: false,
  bytesPerMs: Infinity,
};

/** The faults of all links: those of every link, and exceptions from them. */
export class NetworkFaults {
  #everyLink: LinkFaults = CALM;
  readonly #exceptions = new Map<string, Partial<LinkFaults>>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Changes these properties of every link; what `link` said stays. */
  everyLink(faults: Partial<LinkFaults>): void {
    this.#everyLink = { ...this.#everyLink, ...faults };
    this.#changed();
  }

  /** Changes these properties of the way from one host to another. */
  link(from: number, to: number, faults: Partial<LinkFaults>): void {
    const key = keyOf(from, to);
    this.#exceptions.set(key, { ...this.#exceptions.get(key), ...faults });
    this.#changed();
  }

  /** No faults any more, on any link. */
  calm(): void {
    this.#everyLink = CALM;
    this.#exceptions.clear();
    this.#changed();
  }

  /** What holds for the way from one host to another. */
  of(from: number, to: number): LinkFaults {
    const exception = this.#exceptions.get(keyOf(from, to));
    return exception === undefined ? this.#everyLink : { ...this.#everyLink, ...exception };
  }
}

function keyOf(from: number, to: number): string {
  return `${from}>${to}`;
}
