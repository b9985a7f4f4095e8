import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endAll } from "./mutants/command.ts";
import { hunt, type HuntOptions, type Verdict } from "./mutants/hunt.ts";
import { readMutants, readTraps, type Mutant } from "./mutants/manifest.ts";
import { compile } from "./mutants/outcome.ts";
import { Scratch } from "./mutants/scratch.ts";
import { SoundCode } from "./mutants/sound.ts";
import { type SimulatorSuite } from "./mutants/suite.ts";
import { exceptionsOf, tableOf, withTable } from "./mutants/table.ts";

const USAGE = `pnpm mutants [--only TRAP…] [--jobs N] [--seeds N] [--limit SECONDS] [--update]

Puts every trap back into a copy of the code, one after the other, and looks who notices.

--only TRAP…       numbers of traps, or beginnings of names of mutants
--jobs N           copies that are worked on at once (2)
--seeds N          seeds that the simulator tries on each mutant; 0: none (40)
--limit SECONDS    what one suite may take (240)
--named            try only the suites that the mutants name, and not the others
--update           write the table into docs/mutants.md`;

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const folder = path.join(repository, "packages/testing/mutants");
const document = path.join(repository, "docs/mutants.md");

interface Options {
  readonly only: readonly string[];
  readonly jobs: number;
  readonly seeds: number;
  readonly limitMs: number;
  readonly named: boolean;
  readonly update: boolean;
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true, default: [] },
      jobs: { type: "string", default: "2" },
      seeds: { type: "string", default: "40" },
      limit: { type: "string", default: "240" },
      named: { type: "boolean", default: false },
      update: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [jobs, seeds, limit] = [Number(values.jobs), Number(values.seeds), Number(values.limit)];
  const sound = Number.isSafeInteger(jobs) && jobs > 0 && Number.isSafeInteger(seeds) && limit > 0;
  if (values.help || !sound) return undefined;
  // `--only 1 2 3` as well as `--only 1 --only 2`.
  const only = [...values.only, ...positionals];
  const { named, update } = values;
  return { only, jobs, seeds, limitMs: limit * 1000, named, update };
}

function chosen(mutants: readonly Mutant[], only: readonly string[]): readonly Mutant[] {
  if (only.length === 0) return mutants;
  return mutants.filter(({ name, traps }) =>
    only.some((one) => (/^\d+$/.test(one) ? traps.includes(Number(one)) : name.startsWith(one))),
  );
}

/** Hunts all mutants, in as many copies at once as `jobs` says; the verdicts are in the order of the mutants. */
async function huntAll(
  mutants: readonly Mutant[],
  scratches: readonly Scratch[],
  options: HuntOptions,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = [...mutants.entries()];
  const work = async (scratch: Scratch): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const verdict = await hunt(scratch, next[1], options);
      verdicts[next[0]] = verdict;
      const { mutant, result, by, seconds, seeds } = verdict;
      const simulated = seeds === undefined ? "" : `, seeds: ${seeds}`;
      console.log(`${result.padEnd(8)} ${mutant.name} (${seconds.toFixed(1)} s${simulated}) ${by}`);
    }
  };
  await Promise.all(scratches.map(work));
  return verdicts;
}

async function main(options: Options): Promise<number> {
  const begun = performance.now();
  const mutants = chosen(readMutants(folder), options.only);
  const simulators: readonly SimulatorSuite[] =
    options.seeds === 0
      ? []
      : [{ type: "sim", args: ["--seed", "1", "--seeds", String(options.seeds)] }];
  const scratches: Scratch[] = [];
  const make = (): Scratch => {
    const scratch = new Scratch(repository);
    scratches.push(scratch);
    return scratch;
  };
  const clean = (): void => {
    endAll();
    for (const scratch of scratches) scratch.remove();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      clean();
      process.exit(1);
    });
  }
  try {
    const first = make();
    const problem = await compile(first.root, simulators.length > 0);
    if (problem !== undefined) throw new Error(`sound code does not compile: ${problem}`);
    const sound = new SoundCode(first, options.limitMs * 4);
    const named = mutants.flatMap(({ suites }) => suites);
    await sound.require(named.flatMap((suite) => (suite.type === "tests" ? [suite] : [])));
    for (const simulator of simulators) await sound.requireSimulator(simulator);
    const copies = Array.from({ length: Math.min(options.jobs, mutants.length) }, make);
    const verdicts = await huntAll(mutants, copies, {
      sound,
      limitMs: options.limitMs,
      simulators,
      namedOnly: options.named,
    });
    const table = tableOf(verdicts);
    console.log(`\n${table}\n`);
    const caught = verdicts.filter(({ result }) => result === "caught").length;
    const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
    const summary = `${caught} of ${verdicts.length} mutants caught in ${minutes} minutes`;
    console.log(summary);
    if (options.update) {
      const seeds = `The simulator was given ${options.seeds} seeds for each; "–": it found nothing in them; empty: it cannot.`;
      const content = `${summary}. ${seeds}\n\n${table}\n\n## Not put back\n\n${exceptionsOf(readTraps(folder))}`;
      writeFileSync(document, withTable(readFileSync(document, "utf8"), content));
    }
    return caught === verdicts.length ? 0 : 1;
  } finally {
    clean();
  }
}

const options = readOptions();
if (options === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  process.exitCode = await main(options);
}
