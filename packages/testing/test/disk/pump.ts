import { HostProcess } from "../../src/world/host-process.ts";
import { SimulatedWorld } from "../../src/world/world.ts";

/** A world, and what makes it go on. */
export class Pump {
  readonly world: SimulatedWorld;
  /** Code of a process has run, so promises may have to run out. */
  #touched = true;

  constructor(seed: number) {
    this.world = new SimulatedWorld(seed);
  }

  newProcess(): HostProcess {
    return new HostProcess(this.world, 1, () => {
      this.#touched = true;
    });
  }

  /** Carries out events until the promise settles. */
  async run<T>(promise: Promise<T>): Promise<T> {
    const ended = { yes: false };
    const noted = promise.finally(() => {
      ended.yes = true;
    });
    // Whoever awaits it below hears of a failure.
    noted.catch(() => undefined);
    this.#touched = true;
    for (;;) {
      await this.#settle();
      if (ended.yes) return noted;
      if (!this.world.step()) {
        throw new Error("nothing happens any more, and the promise is not settled");
      }
    }
  }

  /** Carries out the events of the next milliseconds. */
  async runFor(forMs: number): Promise<void> {
    const until = this.world.now + forMs;
    this.#touched = true;
    for (;;) {
      await this.#settle();
      const { nextAt } = this.world;
      if (nextAt === undefined || nextAt > until) return;
      this.world.step();
    }
  }

  async #settle(): Promise<void> {
    if (!this.#touched) return;
    this.#touched = false;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
