import { parseArgs } from "node:util";
import type { HistoryModel } from "@holdfast/testing/history";

/** What the command was asked for. */
export interface CheckOptions {
  readonly paths: readonly string[];
  readonly model: HistoryModel | undefined;
  readonly html: string | undefined;
  readonly expect: string | undefined;
  readonly maxSteps: number;
}

export const USAGE = `pnpm check-history FILE... [--model register|kv] [--html FILE] [--expect VERDICTS] [--max-steps N]

  FILE...           histories: our own, Jepsen's logs, EDN maps; of a directory, every
                    .jsonl, .ndjson, .log, .edn and .txt in it
  --model M         what the operations mean (default: by format and operations)
  --html FILE       draw the history that is not linearizable (the only one, or the first)
  --expect VERDICTS a JSON file { "path": true | false }, paths relative to it; without FILE, all of them
  --max-steps N     give up on a history after so many points of its search (default: 3000000)

Ends with 0 if every history is linearizable, with --expect if every verdict is the expected one;
with 1 if not; with 2 if something cannot be used or read.`;

/** A command line that makes no sense, or a file that cannot be used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const DEFAULT_MAX_STEPS = 3_000_000;

export function readOptions(args: readonly string[]): CheckOptions | "help" {
  const { values, positionals } = parse(args);
  if (values.help === true) return "help";
  const { model, html, expect } = values;
  if (model !== undefined && model !== "register" && model !== "kv") {
    throw new UsageError(`unknown model (${model}); there are register and kv`);
  }
  if (positionals.length === 0 && expect === undefined) throw new UsageError("no FILE given");
  const steps = values["max-steps"];
  const maxSteps = steps === undefined ? DEFAULT_MAX_STEPS : Number(steps);
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1) {
    throw new UsageError(`--max-steps (${steps ?? ""}) is not a whole number from 1 on`);
  }
  return { paths: positionals, model, html, expect, maxSteps };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // pnpm hands on the "--" that separates its own flags.
      args: args[0] === "--" ? args.slice(1) : [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        model: { type: "string" },
        html: { type: "string" },
        expect: { type: "string" },
        "max-steps": { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
