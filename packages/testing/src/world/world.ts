import { prng, type Random, type Timer } from "@holdfast/platform";
import { EventQueue } from "./event-queue.ts";

/** What every part of a simulation shares: true time, and randomness that all grows from one seed. */
export interface World {
  /** True time in milliseconds since the beginning of the simulation; the clocks of nodes differ from it. */
  readonly now: number;
  /** Calls back `delayMs` of true time from now, whatever becomes of any process. What is due at the same instant comes in the order of the calls. */
  after(delayMs: number, callback: () => void): Timer;
  /**
   * A generator of its own for each name. What one part draws does not change what another one does, which is what makes a failing run
   * shrinkable: taking a fault away leaves the rest as it was.
   */
  random(name: string): Random;
}

/** The part of a world that those use who act on a cluster from outside. */
export interface OutsideWorld extends World {
  /** Resolves after so much true time. */
  pause(forMs: number): Promise<void>;
  /** To be called by an event that settles a promise: what waits for it runs before the next event. */
  stir(): void;
}

/** See {@link World}. Whoever runs the simulation takes the events out one by one. */
export class SimulatedWorld implements OutsideWorld {
  readonly #seed: number;
  readonly #events = new EventQueue();
  #now = 0;
  #stirred = false;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get now(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#events.add(this.#now + Math.max(0, delayMs), callback);
  }

  random(name: string): Random {
    return prng(mixedSeed(this.#seed, name));
  }

  /** Resolves after so much true time. */
  pause(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(forMs, () => {
        this.stir();
        resolve();
      });
    });
  }

  /** The event has set off something that goes on in promise reactions: see {@link takeStirred}. */
  stir(): void {
    this.#stirred = true;
  }

  /** Whether, since the last call, an event set off something that has to run before the next one. */
  takeStirred(): boolean {
    const stirred = this.#stirred;
    this.#stirred = false;
    return stirred;
  }

  /** When the next event is due; `undefined` when there is none. */
  get nextAt(): number | undefined {
    return this.#events.nextAt;
  }

  /** Moves time to the next event and carries it out. `false` when there is none. */
  step(): boolean {
    const event = this.#events.take();
    if (event === undefined) return false;
    this.#now = event.at;
    event.callback();
    return true;
  }
}

/** FNV-1a over the name, beside the seed: the generator's own seeding spreads what is left. */
function mixedSeed(seed: number, name: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const character of name) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(character.codePointAt(0) ?? 0)) * 0x100_0000_01b3n);
  }
  return BigInt.asUintN(64, hash + BigInt(seed) * 0x9e37_79b9_7f4a_7c15n);
}
