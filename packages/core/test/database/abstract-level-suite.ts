import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type { AbstractDatabaseOptions, AbstractLevel } from "abstract-level";
import { afterAll, describe, test } from "vitest";

/** Makes a unique database that opens itself; the options are those of the implementation's constructor. */
export type DatabaseFactory = (
  options?: AbstractDatabaseOptions<unknown, unknown>,
) => AbstractLevel<Buffer, unknown, unknown>;

type TapeTest = (name: string, run: (t: Tape) => unknown) => void;

interface SuiteOptions {
  readonly test: TapeTest;
  readonly factory: DatabaseFactory;
}

// abstract-level publishes its suite as CommonJS, without types.
const abstractLevelSuite = createRequire(import.meta.url)("abstract-level/test") as (
  options: SuiteOptions,
) => void;

/**
 * Runs the suite that abstract-level publishes for its implementations, once on databases of `factory` and, as it does by itself,
 * once on sublevels of them. Every case of the suite is a test here, under its own name.
 */
export function runAbstractLevelSuite(name: string, factory: DatabaseFactory): void {
  describe(name, () => {
    const made: AbstractLevel<Buffer, unknown, unknown>[] = [];
    const parents = new Parents();
    let firstTitle: string | undefined;
    let cases = 0;
    let sublevelCases = Infinity;
    let running = 0;
    afterAll(() => closeAll(made));
    abstractLevelSuite({
      test: (title, run) => {
        const number = cases++;
        firstTitle ??= title;
        // The suite begins again, now on sublevels.
        if (number > 0 && title === firstTitle) sublevelCases = number;
        test(title, async () => {
          running = number;
          await runCase(run);
          await parents.closeUnused();
        });
      },
      factory: (options) => {
        const database = factory(options);
        made.push(database);
        if (running >= sublevelCases) parents.watch(database);
        return database;
      },
    });
    test("the suite was run as a whole", () => {
      // 1,476 with abstract-level 3.1.1; a manifest that claims less makes the suite leave cases out.
      assert.ok(cases >= 1_476, `only (${cases}) cases`);
    });
  });
}

/**
 * Closes the databases behind the sublevels that the suite takes for databases: it closes only those, and a database that is several
 * nodes would keep its threads and sockets to the end.
 */
class Parents {
  readonly #bySublevel = new Map<{ readonly status: string }, { close(): Promise<void> }>();

  /** The first sublevel of `database` is the one that the suite uses in its place. */
  watch(database: AbstractLevel<Buffer, unknown, unknown>): void {
    const make = database.sublevel.bind(database);
    Reflect.set(database, "sublevel", (name: string, options: object) => {
      Reflect.deleteProperty(database, "sublevel");
      const sublevel = make(name, options);
      this.#bySublevel.set(sublevel, database);
      return sublevel;
    });
  }

  /** To be called between cases: within one, a sublevel may be opened again. */
  async closeUnused(): Promise<void> {
    for (const [sublevel, database] of this.#bySublevel) {
      if (sublevel.status !== "closed") continue;
      this.#bySublevel.delete(sublevel);
      await closeAll([database]);
    }
  }
}

/** Some cases leave their database open, and the suite makes two only to look at their manifest. */
export async function closeAll(databases: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const database of databases) {
    try {
      await database.close();
    } catch (error) {
      // One case ends with a database that can be neither opened nor closed: what is behind it is the factory's to clean up.
      if (!isLocked(error)) throw error;
    }
  }
}

function isLocked(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("code" in error && error.code === "LEVEL_STATUS_LOCKED") || isLocked(error.cause);
}

/** Ends as tape ends a test: when the planned assertions were made, on `end()`, or when the promise that it returned is done. */
async function runCase(run: (t: Tape) => unknown): Promise<void> {
  const tape = new Tape();
  const returned = run(tape);
  if (isPromise(returned)) await returned;
  else await tape.ended;
  tape.verify();
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

/** The part of tape's interface that the suite uses. The first failed assertion fails the test, wherever it was made. */
class Tape {
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #planned: number | undefined;
  #made = 0;
  #failure: Error | undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      // Assertions that follow in the same turn still count, so that too many of them are noticed.
      this.#end = () => void setImmediate(resolve);
    });
  }

  plan(count: number): void {
    this.#planned = count;
    if (count === this.#made) this.#end();
  }

  end(): void {
    this.#end();
  }

  pass(): void {
    this.#check(() => undefined);
  }

  fail(reason?: unknown): void {
    this.#check(() => assert.fail(reason instanceof Error ? reason : String(reason)));
  }

  ok(value: unknown, message?: string): void {
    this.#check(() => assert.ok(value, message));
  }

  is(actual: unknown, expected: unknown, message?: string): void {
    this.#check(() => assert.strictEqual(actual, expected, message));
  }

  isNot(actual: unknown, expected: unknown, message?: string): void {
    this.#check(() => assert.notStrictEqual(actual, expected, message));
  }

  same(actual: unknown, expected: unknown, message?: string): void {
    this.#check(() => assert.deepStrictEqual(actual, expected, message));
  }

  throws(run: () => unknown, expected?: (error: Error) => boolean): void {
    this.#check(() => {
      if (expected === undefined) assert.throws(run);
      else assert.throws(run, expected);
    });
  }

  doesNotThrow(run: () => unknown): void {
    this.#check(() => assert.doesNotThrow(run));
  }

  /** Throws when an assertion failed, or when there were not as many as planned. */
  verify(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#planned !== undefined) {
      assert.equal(this.#made, this.#planned, "number of assertions is not what was planned");
    }
  }

  /** As in tape, an assertion does not throw: many are made in callbacks where nobody would see it. */
  #check(assertion: () => void): void {
    try {
      assertion();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
    if (++this.#made === this.#planned) this.#end();
    else if (this.#failure !== undefined) this.#end();
  }
}
