import { parseArgs } from "node:util";
import { isWorkloadName, type WorkloadName } from "@holdfast/testing";

/** What the command was asked for. */
export interface SimOptions {
  readonly seed: number | undefined;
  readonly seeds: number | undefined;
  readonly minutes: number | undefined;
  readonly workloads: readonly WorkloadName[];
  readonly jobs: number;
  readonly html: string | undefined;
  readonly json: string | undefined;
  readonly trace: boolean;
  readonly keepGoing: boolean;
  readonly brief: boolean;
}

export const USAGE = `pnpm sim [--seed S] [--seeds N] [--minutes M] [--workload kv|membership|snapshots]
         [--jobs J] [--html FILE] [--json FILE] [--trace] [--keep-going] [--brief]

  --seed S        the first seed (default: a random one); seeds S, S+1, ... are run
  --seeds N       how many seeds (default: 1 with --seed, else 200, or as many as --minutes allows)
  --minutes M     stop after so long
  --workload W    what the clients do; may be given several times (default: all, in turn)
  --jobs J        threads (default: 2)
  --html FILE     draw the (minimised) run of the first failure, or of the only seed
  --json FILE     write seeds, rate and coverage as JSON
  --trace         print everything that happens in the run of the only seed
  --keep-going    do not stop at the first failure
  --brief         name the seed and the invariant of a failure, without its (minimised) run`;

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function readOptions(args: readonly string[]): SimOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  const workloads = values.workload ?? ["kv", "membership", "snapshots"];
  const known = workloads.map((name) => {
    if (!isWorkloadName(name)) throw new UsageError(`unknown workload (${name})`);
    return name;
  });
  return {
    seed: wholeNumber("seed", values.seed, 0),
    seeds: wholeNumber("seeds", values.seeds, 1),
    minutes: positive("minutes", values.minutes),
    workloads: known,
    jobs: wholeNumber("jobs", values.jobs, 1) ?? 2,
    html: values.html,
    json: values.json,
    trace: values.trace ?? false,
    keepGoing: values["keep-going"] ?? false,
    brief: values.brief ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: "string" },
        seeds: { type: "string" },
        minutes: { type: "string" },
        workload: { type: "string", multiple: true },
        jobs: { type: "string" },
        html: { type: "string" },
        json: { type: "string" },
        trace: { type: "boolean" },
        "keep-going": { type: "boolean" },
        brief: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${name} (${text}) must be a whole number, at least ${least}`);
  }
  return value;
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`--${name} (${text}) must be a number above 0`);
  return value;
}
