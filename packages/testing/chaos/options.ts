import { parseArgs } from "node:util";
import { FAULT_KINDS, FAULT_MEANING, type FaultKind } from "./plan.ts";

/** What the command was asked for. */
export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** Where history and plot go. */
  readonly out: string;
  /** `false`: not even where network namespaces are allowed. */
  readonly namespaces: boolean;
}

/** What `--help` prints. */
export const USAGE: string = `pnpm chaos [--minutes M] [--seed S] [--faults a,b,c] [--out FOLDER] [--loopback]

Five real nodes, a workload with a recorded history, and these faults, in turn and overlapping:
${FAULT_KINDS.map((kind) => `  ${kind.padEnd(16)}${FAULT_MEANING[kind]}`).join("\n")}

  --minutes M     how long faults go on (3); what members take to catch up comes on top
  --seed S        which faults, when and on whom, and the operations of clients; what becomes of them is real, and differs
  --faults a,b,c  these only
  --out FOLDER    for history.jsonl and availability.svg (.reports/chaos)
  --loopback      addresses in 127/8 and a proxy instead of network namespaces and nft

Exit status: 0 if nothing was lost, the history is linearizable and the cluster recovered; 1 if not; 2 for wrong arguments.`;

/** Arguments that cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads the command line; `undefined`: help is wanted. Throws {@link UsageError}. */
export function readOptions(args: readonly string[], randomSeed: number): ChaosOptions | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const minutes = Number(values.minutes ?? 3);
  if (!(minutes > 0 && minutes <= 24 * 60)) {
    throw new UsageError(
      `--minutes (${String(values.minutes)}) must be above 0, and at most a day`,
    );
  }
  const seed = Number(values.seed ?? randomSeed);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UsageError(`--seed (${String(values.seed)}) must be a whole number`);
  }
  return {
    minutes,
    seed,
    kinds: values.faults === undefined ? FAULT_KINDS : kindsOf(values.faults),
    out: values.out ?? ".reports/chaos",
    namespaces: values.loopback !== true,
  };
}

interface Values {
  readonly minutes?: string | undefined;
  readonly seed?: string | undefined;
  readonly faults?: string | undefined;
  readonly out?: string | undefined;
  readonly loopback?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function parse(args: readonly string[]): Values {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    const options = {
      minutes: text,
      seed: text,
      faults: text,
      out: text,
      loopback: flag,
      help: flag,
    };
    // `pnpm chaos -- --minutes 1` leaves the first two dashes in.
    return parseArgs({ args: args.filter((one) => one !== "--"), options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function kindsOf(list: string): FaultKind[] {
  const names = list.split(",").filter((name) => name !== "");
  return [...new Set(names)].map((name) => {
    const kind = FAULT_KINDS.find((one) => one === name);
    if (kind === undefined) {
      throw new UsageError(`--faults: (${name}) is none of ${FAULT_KINDS.join(", ")}`);
    }
    return kind;
  });
}
