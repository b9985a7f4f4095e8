import type { Mutant } from "./manifest.ts";
import { compile, runSimulator, runTestSuite, type Outcome } from "./outcome.ts";
import type { Scratch } from "./scratch.ts";
import type { SoundCode } from "./sound.ts";
import { describeSuite, type SimulatorSuite, type Suite, type TestSuite } from "./suite.ts";

/** What became of one mutant. */
export interface Verdict {
  readonly mutant: Mutant;
  /** `caught`; `survived` where nothing noticed; `invalid` where the patch does not fit, or what it makes is no program. */
  readonly result: "caught" | "survived" | "invalid";
  /** What failed: the suite and the test or invariant; or why it is invalid. */
  readonly by: string;
  /** Seeds after which the simulator found it; undefined where it was not asked or found nothing. */
  readonly seeds?: number;
  readonly seconds: number;
}

/** How to hunt. */
export interface HuntOptions {
  readonly sound: SoundCode;
  /** What one suite may take. */
  readonly limitMs: number;
  /** What the simulator is asked in any case, for the number of seeds. */
  readonly simulators: readonly SimulatorSuite[];
  /** Whether to leave out the suites that a mutant does not name. */
  readonly namedOnly: boolean;
}

/** Tried, in this order, when none of the suites that a mutant names notices it. */
const OTHERS: readonly TestSuite[] = [
  "packages/raft-ts-lite/test",
  "packages/core/test/log",
  "packages/core/test/kv",
  "packages/core/test/format",
  "packages/core/test/transport",
  "packages/core/test/node",
].map((path) => ({ type: "tests", path }));

/** Puts one mutant into a copy of the repository and looks who notices. The copy is sound again afterwards. */
export async function hunt(
  scratch: Scratch,
  mutant: Mutant,
  options: HuntOptions,
): Promise<Verdict> {
  const begun = performance.now();
  const verdict = (result: Verdict["result"], by: string, seeds: number | undefined): Verdict => {
    const seconds = (performance.now() - begun) / 1000;
    return { mutant, result, by, ...(seeds === undefined ? {} : { seeds }), seconds };
  };
  try {
    scratch.apply(mutant);
    const problem = await compile(scratch.root, usesSimulator(mutant, options));
    if (problem !== undefined)
      return verdict("invalid", `it does not compile: ${problem}`, undefined);
    const caught = await catchIt(scratch, mutant, options);
    if (caught === undefined) return verdict("survived", "", undefined);
    return verdict(
      "caught",
      caught.by,
      caught.seeds ?? (await seedsNeeded(scratch, mutant, options)),
    );
  } catch (error) {
    return verdict("invalid", error instanceof Error ? error.message : String(error), undefined);
  } finally {
    scratch.restore();
  }
}

interface Catch {
  readonly by: string;
  readonly seeds: number | undefined;
}

async function catchIt(
  scratch: Scratch,
  mutant: Mutant,
  { sound, limitMs, simulators, namedOnly }: HuntOptions,
): Promise<Catch | undefined> {
  const others: readonly Suite[] = namedOnly ? [] : [...simulators, ...OTHERS];
  for (const suite of [...mutant.suites, ...others]) {
    const outcome = await run(scratch, suite, limitMs);
    if (outcome.type !== "failed") continue;
    // What is named was tried on sound code at the start.
    const named = suite.type === "sim" || mutant.suites.includes(suite);
    if (!named && !(await sound.passes(suite.path))) continue;
    const where = suite.type === "sim" ? describeSuite(suite) : suite.path;
    return { by: `${where}: ${outcome.by}`, seeds: outcome.seeds };
  }
  return undefined;
}

async function seedsNeeded(
  scratch: Scratch,
  mutant: Mutant,
  { simulators, limitMs }: HuntOptions,
): Promise<number | undefined> {
  if (!mutant.simulated) return undefined;
  for (const simulator of simulators) {
    const outcome = await runSimulator(scratch.root, simulator, limitMs);
    if (outcome.type === "failed") return outcome.seeds;
  }
  return undefined;
}

function run(scratch: Scratch, suite: Suite, limitMs: number): Promise<Outcome> {
  return suite.type === "sim"
    ? runSimulator(scratch.root, suite, limitMs)
    : runTestSuite(scratch.root, suite, limitMs);
}

function usesSimulator(mutant: Mutant, { simulators }: HuntOptions): boolean {
  return simulators.length > 0 || mutant.suites.some(({ type }) => type === "sim");
}
