import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { UsageError } from "./options.ts";

/** What in a directory is taken for a history. */
const EXTENSIONS: ReadonlySet<string> = new Set([".jsonl", ".ndjson", ".log", ".edn", ".txt"]);

/** A history to be checked. */
export interface HistoryFile {
  /** As it is printed. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  /** Whether it should be linearizable; `undefined`: nobody said. */
  readonly expected: boolean | undefined;
}

/** Verdicts that are expected, by absolute path. */
export type Expectations = ReadonlyMap<string, boolean>;

export function readExpectations(directory: string, name: string): Expectations {
  const file = path.resolve(directory, name);
  const parsed = parseJson(readText(file, name), name);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UsageError(`${name}: not an object of verdicts`);
  }
  const expectations = new Map<string, boolean>();
  for (const [key, verdict] of Object.entries(parsed)) {
    if (typeof verdict !== "boolean") {
      throw new UsageError(`${name}: verdict of ${key} is neither true nor false`);
    }
    expectations.set(path.resolve(path.dirname(file), key), verdict);
  }
  return expectations;
}

/** All histories that the paths name. With expectations, each must have one, and of a directory all that are expected in it must be there. */
export function findHistories(
  directory: string,
  paths: readonly string[],
  expectations: Expectations | undefined,
): HistoryFile[] {
  const found = new Map<string, HistoryFile>();
  const add = (file: string, name: string): void => {
    const expected = expectations?.get(file);
    if (expectations !== undefined && expected === undefined) {
      throw new UsageError(`${name}: no verdict is expected of it`);
    }
    found.set(file, { name, file, expected });
  };
  for (const name of paths) {
    const file = path.resolve(directory, name);
    if (!isDirectory(file, name)) {
      add(file, name);
      continue;
    }
    const within = historiesIn(file);
    for (const one of within) add(one, path.join(name, path.relative(file, one)));
    for (const one of expectations?.keys() ?? []) {
      if (one.startsWith(file + path.sep) && !found.has(one)) {
        throw new UsageError(
          `${path.relative(directory, one)}: a verdict is expected, but there is no such file`,
        );
      }
    }
    if (within.length === 0) throw new UsageError(`${name}: no histories in it`);
  }
  if (paths.length === 0) {
    for (const one of expectations?.keys() ?? []) add(one, path.relative(directory, one));
  }
  return [...found.values()];
}

export function readText(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${name}: ${reasonOf(error)}`);
  }
}

function historiesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => EXTENSIONS.has(path.extname(name)))
    .map((name) => path.join(directory, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function isDirectory(file: string, name: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch (error) {
    throw new UsageError(`${name}: ${reasonOf(error)}`);
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${name}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
