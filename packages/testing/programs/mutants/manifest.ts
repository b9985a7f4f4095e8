import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parsePatch, type FileChange } from "./patch.ts";
import { parseSuite, type Suite } from "./suite.ts";

/** A trap that is put back: one patch of the folder `mutants`. */
export interface Mutant {
  /** The file's name without its suffix. */
  readonly name: string;
  /** Numbers of the list of traps. */
  readonly traps: readonly number[];
  /** What goes wrong, in one line. */
  readonly breaks: string;
  /** What is expected to catch it, the cheapest first. */
  readonly suites: readonly Suite[];
  /** False where the simulator cannot notice: what it breaks is a mode that nodes do not use, a bound, or a courtesy. */
  readonly simulated: boolean;
  readonly changes: readonly FileChange[];
}

/** One of the mistakes that others made, and that nothing here may repeat unnoticed. */
export interface Trap {
  readonly number: number;
  readonly title: string;
  /** Why no change to our code puts it back. */
  readonly notExpressed?: string;
}

const SUFFIX = ".patch";

/** Reads every mutant of a folder, in the order of their names. */
export function readMutants(folder: string): readonly Mutant[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) =>
      parseMutant(name.slice(0, -SUFFIX.length), readFileSync(path.join(folder, name), "utf8")),
    );
}

/** Reads the list of traps that mutants refer to. */
export function readTraps(folder: string): readonly Trap[] {
  const text = readFileSync(path.join(folder, "traps.json"), "utf8");
  return (JSON.parse(text) as { readonly traps: readonly Trap[] }).traps;
}

/** Reads a patch with its head: lines `Trap:`, `Breaks:` and one or more `Suite:`; `Simulated: no` where that is useless. */
export function parseMutant(name: string, text: string): Mutant {
  const { head, changes } = parsePatch(text);
  const values = (key: string): string[] =>
    head.flatMap((line) => (line.startsWith(`${key}: `) ? [line.slice(key.length + 2)] : []));
  const [breaks] = values("Breaks");
  const traps = values("Trap").flatMap((list) => list.split(", ").map(Number));
  if (breaks === undefined || traps.length === 0 || !traps.every(Number.isSafeInteger)) {
    throw new Error(`mutant (${name}) does not say which trap it is and what it breaks`);
  }
  if (changes.length === 0) throw new Error(`mutant (${name}) changes nothing`);
  const suites = values("Suite").map(parseSuite);
  const simulated = !values("Simulated").includes("no");
  return { name, traps, breaks, suites, simulated, changes };
}
