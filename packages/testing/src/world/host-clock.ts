import type { Clock, Timer } from "@holdfast/platform";
import type { SimulatedProcess } from "./process.ts";
import type { World } from "./world.ts";

/** The time of day at the beginning of every simulation: 2026-01-01. */
const EPOCH_MS = 1_767_225_600_000;

/** The clock of one host: it runs fast or slow, and its time of day may be wrong. */
export class HostClock {
  readonly #world: World;
  #rate = 1;
  /** True and local time of the last change of the rate. */
  #since = 0;
  #local: number;
  #wallOffset = 0;

  /** `origin`: what the monotonic clock shows at the beginning. */
  constructor(world: World, origin: number) {
    this.#world = world;
    this.#local = origin;
    this.#since = world.now;
  }

  now(): number {
    return this.#local + (this.#world.now - this.#since) * this.#rate;
  }

  wallTime(): number {
    return EPOCH_MS + this.#wallOffset + this.now();
  }

  /** Local milliseconds per true one, from here on. */
  setRate(rate: number): void {
    this.#local = this.now();
    this.#since = this.#world.now;
    this.#rate = rate;
  }

  /** Somebody sets the time of day. The monotonic clock does not care. */
  jump(byMs: number): void {
    this.#wallOffset += byMs;
  }

  /** The clock as a process on this host sees it. */
  view(process: SimulatedProcess): Clock {
    return {
      now: () => this.now(),
      wallTime: () => this.wallTime(),
      setTimer: (delayMs, callback): Timer => process.after(delayMs / this.#rate, callback),
    };
  }
}
