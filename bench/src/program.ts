import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { MemberProcess } from "./member-process.ts";
import { printMachine } from "./report.ts";

/** The options of a program by name; each takes a number, with this default. */
export type NumberOptions = Readonly<Record<string, number>>;

/** Where a program works, and what its caller chose. */
export interface Run<Options extends NumberOptions, Texts extends string> {
  /** An empty directory, removed at the end. */
  readonly directory: string;
  readonly numbers: Options;
  readonly texts: Readonly<Partial<Record<Texts, string>>>;
}

/**
 * Runs a measuring program: reads its options, prints what its figures depend on, gives it a directory below `--directory` (by default that of temporary files) and
 * cleans up behind it, whatever happens.
 */
export async function runProgram<Options extends NumberOptions, Texts extends string = never>(
  defaults: Options,
  textNames: readonly Texts[],
  measure: (run: Run<Options, Texts>) => Promise<void>,
): Promise<void> {
  const names = [...Object.keys(defaults), ...textNames, "directory"];
  const { values } = parseArgs({
    options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
  });
  const numbers = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, numberOf(name, values[name], value)]),
  );
  const parent = values["directory"] ?? tmpdir();
  const directory = await mkdtemp(
    path.join(typeof parent === "string" ? parent : tmpdir(), "holdfast-bench-"),
  );
  const cleanUp = async (): Promise<void> => {
    await MemberProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  };
  process.once("SIGINT", () => {
    void cleanUp().finally(() => process.exit(130));
  });
  try {
    printMachine(directory);
    // One number for each default, by construction; the texts are what was given.
    const run = { directory, numbers, texts: values } as unknown as Run<Options, Texts>;
    await measure(run);
  } finally {
    await cleanUp();
  }
}

function numberOf(name: string, given: unknown, fallback: number): number {
  if (given === undefined) return fallback;
  const value = Number(given);
  if (!Number.isFinite(value) || value <= 0)
    throw new TypeError(`--${name} takes a number above 0`);
  return value;
}
