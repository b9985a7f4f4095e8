/**
 * The container of scenario files (FORMAT.md, "cockroachdb/datadriven"): stanzas of a command, optional input, a
 * separator, and the output that the command must give.
 */

/** `key`, `key=value` or `key=(value,value)`; no values for a bare key. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

/** One command of a file with the output recorded for it. Lines are counted from 0. */
export interface Stanza {
  readonly line: number;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: readonly string[];
  /** The line of the first expected line. */
  readonly expectedLine: number;
  /** What a rewrite replaces, `[start, end)`: the separators after the first one, and the output. */
  readonly output: { readonly start: number; readonly end: number };
}

/** Runs one command and returns its output. */
export type Handler = (stanza: Stanza) => string;

/** The first command of a file whose output was not the recorded one. */
export interface Mismatch {
  /** From 0: the first line that differs. */
  readonly line: number;
  readonly stanza: Stanza;
  readonly expected: readonly NumberedLine[];
  readonly actual: readonly string[];
  /** What the command threw, if it threw. */
  readonly error?: unknown;
}

export interface NumberedLine {
  readonly line: number;
  readonly text: string;
}

/** A file or a command in it that makes no sense; nothing was found out about the core. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}

const SEPARATOR = "----";

export function parseScenario(text: string): Stanza[] {
  const lines = text.split(/\r?\n/);
  const stanzas: Stanza[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = at;
    let head = (lines[at++] ?? "").trim();
    if (head === "" || head.startsWith("#")) continue;
    while (head.endsWith("\\") && at < lines.length) {
      head = `${head.slice(0, -1)} ${(lines[at++] ?? "").trim()}`;
    }
    const [command = "", ...args] = splitArguments(head, line);
    if (command === "subtest") continue;
    const inputStart = at;
    while (at < lines.length && (lines[at] ?? "").trim() !== SEPARATOR) at++;
    if (at === lines.length) {
      throw new ScenarioError(`line ${line + 1}: no ${SEPARATOR} after the command (${head})`);
    }
    const input = lines.slice(inputStart, at).join("\n").trim();
    const output = readOutput(lines, at + 1);
    at = output.end;
    stanzas.push({ line, command, args: args.map(parseArgument), input, ...output.body });
  }
  return stanzas;
}

interface ReadOutput {
  readonly end: number;
  readonly body: Pick<Stanza, "expected" | "expectedLine" | "output">;
}

/** Output ends at the first blank line, or, where a second separator opens it, at two separators in a row. */
function readOutput(lines: readonly string[], start: number): ReadOutput {
  if (lines[start] !== SEPARATOR) {
    let end = start;
    while (end < lines.length && (lines[end] ?? "").trim() !== "") end++;
    const expected = lines.slice(start, end);
    return { end, body: { expected, expectedLine: start, output: { start, end } } };
  }
  const first = start + 1;
  let last = first;
  while (last < lines.length && !(lines[last] === SEPARATOR && lines[last + 1] === SEPARATOR)) {
    last++;
  }
  const end = Math.min(last + 2, lines.length);
  const expected = lines.slice(first, last);
  return { end, body: { expected, expectedLine: first, output: { start, end } } };
}

/** Splits at blanks outside parentheses. */
function splitArguments(head: string, line: number): string[] {
  const words = head.match(/[^\s()]+(?:\([^)]*\))?/g) ?? [];
  if (words.join("").replace(/\s/g, "") !== head.replace(/\s/g, "")) {
    throw new ScenarioError(`line ${line + 1}: cannot parse the command (${head})`);
  }
  return words;
}

function parseArgument(word: string): Argument {
  const equals = word.indexOf("=");
  if (equals < 0) return { key: word, values: [] };
  const key = word.slice(0, equals);
  const value = word.slice(equals + 1);
  const list = value.length > 2 && value.startsWith("(") && value.endsWith(")");
  const values = list ? value.slice(1, -1).split(",") : [value];
  return { key, values: values.map((one) => one.trim()) };
}

/**
 * What the recordings' logger wrote. Its sentences are those of etcd's code, not of the algorithm, so they are no part
 * of a comparison.
 */
const LOGGER_LINE = /^\s*(?:DEBUG|INFO|WARN|ERROR|FATAL) /;

/** The lines that count: without the logger's, and nothing where only `ok` is left. */
function comparable(lines: readonly NumberedLine[]): NumberedLine[] {
  const rest = lines.filter(({ text }) => !LOGGER_LINE.test(text));
  return rest.length === 1 && rest[0]?.text === "ok" ? [] : rest;
}

function outputLines(output: string): string[] {
  if (output === "") return [];
  return (output.endsWith("\n") ? output.slice(0, -1) : output).split("\n");
}

/** Runs a file up to the first mismatch. */
export function replay(stanzas: readonly Stanza[], handler: Handler): Mismatch | undefined {
  for (const stanza of stanzas) {
    const expected = comparable(
      stanza.expected.map((text, i) => ({ line: stanza.expectedLine + i, text })),
    );
    let actual: string[] = [];
    try {
      const lines = outputLines(handler(stanza)).map((text) => ({ line: 0, text }));
      actual = comparable(lines).map(({ text }) => text);
    } catch (error) {
      return { line: stanza.line, stanza, expected, actual, error };
    }
    const length = Math.max(expected.length, actual.length);
    for (let i = 0; i < length; i++) {
      if (expected[i]?.text === actual[i]) continue;
      const line = expected[i]?.line ?? stanza.expectedLine + stanza.expected.length;
      return { line, stanza, expected, actual };
    }
  }
  return undefined;
}

/** The same file with the output that its commands give now. */
export function rewrite(text: string, handler: Handler): string {
  const lines = text.split(/\r?\n/);
  const out: string[] = [];
  let at = 0;
  for (const stanza of parseScenario(text)) {
    out.push(...lines.slice(at, stanza.output.start));
    const output = outputLines(handler(stanza));
    const blanks = output.some((line) => line.trim() === "");
    out.push(...(blanks ? [SEPARATOR, ...output, SEPARATOR, SEPARATOR] : output));
    at = stanza.output.end;
  }
  out.push(...lines.slice(at));
  return out.join("\n");
}
