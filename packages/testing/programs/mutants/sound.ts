import { runTests, type Outcome } from "./outcome.ts";
import type { Scratch } from "./scratch.ts";
import type { TestSuite } from "./suite.ts";

/** What the suites say of sound code: a test that fails there as well proves nothing. */
export class SoundCode {
  readonly #scratch: Scratch;
  readonly #limitMs: number;
  readonly #paths = new Map<string, Promise<Outcome>>();
  #tests: readonly string[] = [];

  constructor(scratch: Scratch, limitMs: number) {
    this.#scratch = scratch;
    this.#limitMs = limitMs;
  }

  /** Runs everything that the suites name, all at once. Throws when sound code does not pass. */
  async require(suites: readonly TestSuite[]): Promise<void> {
    const paths = [...new Set(suites.map(({ path }) => path))].sort();
    const outcome = await runTests(this.#scratch.root, paths, undefined, this.#limitMs);
    if (outcome.type === "broken") throw new Error(`sound code: ${outcome.why}`);
    if (outcome.type === "failed") throw new Error(`sound code fails "${outcome.by}"`);
    this.#tests = outcome.tests;
    for (const { names } of suites) {
      if (names === undefined || this.#tests.some((name) => new RegExp(names).test(name))) continue;
      throw new Error(`no test has a name like (${names})`);
    }
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
