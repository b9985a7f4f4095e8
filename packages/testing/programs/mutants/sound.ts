import { runSimulator, runTests, type Outcome } from "./outcome.ts";
import type { Scratch } from "./scratch.ts";
import type { SimulatorSuite, TestSuite } from "./suite.ts";

/** What the suites say of sound code: a test that fails there as well proves nothing. */
export class SoundCode {
  readonly #scratch: Scratch;
  readonly #limitMs: number;
  readonly #paths = new Map<string, Promise<Outcome>>();

  constructor(scratch: Scratch, limitMs: number) {
    this.#scratch = scratch;
    this.#limitMs = limitMs;
  }

  /** Runs everything that the suites name, and nothing else. Throws when sound code does not pass. */
  async require(suites: readonly TestSuite[]): Promise<void> {
    const whole = suites.filter(({ names }) => names === undefined);
    if (whole.length > 0) await this.#passed(whole, undefined);
    const patterns = [...new Set(suites.flatMap(({ names }) => names ?? []))];
    if (patterns.length === 0) return;
    const named = suites.filter(({ names }) => names !== undefined);
    const passed = await this.#passed(named, patterns.map((names) => `(?:${names})`).join("|"));
    for (const names of patterns) {
      if (passed.some((name) => new RegExp(names).test(name))) continue;
      throw new Error(`no test has a name like (${names})`);
    }
  }

  /** Runs the simulator. Throws when it finds something in sound code: it would find that in every mutant. */
  async requireSimulator(suite: SimulatorSuite): Promise<void> {
    const outcome = await runSimulator(this.#scratch.root, suite, this.#limitMs);
    if (outcome.type === "broken") throw new Error(`sound code: ${outcome.why}`);
    if (outcome.type === "failed") throw new Error(`sound code breaks ${outcome.by}`);
  }

  async #passed(
    suites: readonly TestSuite[],
    names: string | undefined,
  ): Promise<readonly string[]> {
    const paths = [...new Set(suites.map(({ path }) => path))].sort();
    const outcome = await runTests(this.#scratch.root, paths, names, this.#limitMs);
    if (outcome.type === "broken") throw new Error(`sound code: ${outcome.why}`);
    if (outcome.type === "failed") throw new Error(`sound code fails "${outcome.by}"`);
    return outcome.tests;
  }

  /** Whether sound code passes all tests of `path`. Each path is run once. */
  async passes(path: string): Promise<boolean> {
    let outcome = this.#paths.get(path);
    if (outcome === undefined) {
      // One after the other: they share the copy.
      outcome = Promise.allSettled([...this.#paths.values()]).then(() =>
        runTests(this.#scratch.root, [path], undefined, this.#limitMs),
      );
      this.#paths.set(path, outcome);
    }
    return (await outcome).type === "passed";
  }
}
