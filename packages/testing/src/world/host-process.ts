import type { Timer } from "@holdfast/platform";
import type { SimulatedProcess } from "./process.ts";
import type { OutsideWorld } from "./world.ts";

interface Due {
  readonly callback: () => void;
  cancelled: boolean;
}

/** A process that its host can pause and kill. */
export class HostProcess implements SimulatedProcess {
  readonly host: number;
  readonly #world: OutsideWorld;
  /** Told before code of the process runs. */
  readonly #entering: () => void;
  #alive = true;
  #paused = false;
  /** What became due while the process was paused. */
  #waiting: Due[] = [];

  constructor(world: OutsideWorld, host: number, entering: () => void) {
    this.#world = world;
    this.host = host;
    this.#entering = entering;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  after(delayMs: number, callback: () => void): Timer {
    const due: Due = { callback, cancelled: false };
    this.#world.after(delayMs, () => {
      this.#run(due);
    });
    return {
      cancel: () => {
        due.cancelled = true;
      },
    };
  }

  #run(due: Due): void {
    if (due.cancelled || !this.#alive) return;
    if (this.#paused) {
      this.#waiting.push(due);
      return;
    }
    this.#world.stir();
    this.#entering();
    due.callback();
  }

  /** Until `resume`, nothing of the process runs. The disk and the network go on with what they have. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const due of waiting) {
      this.#world.after(0, () => {
        this.#run(due);
      });
    }
  }

  kill(): void {
    this.#alive = false;
    this.#waiting = [];
  }
}
