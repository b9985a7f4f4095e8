import { ScenarioError, type Mismatch } from "./datadriven.ts";

const CONTEXT = 3;

/** One line of a diff: `kept` is in both, `missing` was recorded, `extra` came instead. */
interface DiffLine {
  readonly kind: "kept" | "missing" | "extra";
  readonly text: string;
}

const MARKS = { kept: " ", missing: "-", extra: "+" } as const;

/** Where a file went wrong and how: `path:line`, the command, and what was recorded (-) against what came (+). */
export function describeMismatch(path: string, mismatch: Mismatch): string {
  const { stanza, error } = mismatch;
  const head = `${path}:${mismatch.line + 1}: \`${stanza.command}\` (line ${stanza.line + 1})`;
  if (error !== undefined) {
    const text = error instanceof Error ? (error.stack ?? error.message) : "threw no Error";
    // A command that makes no sense has no interesting stack.
    return `${head} failed\n${error instanceof ScenarioError ? error.message : text}\n`;
  }
  const expected = mismatch.expected.map(({ text }) => text);
  const lines = withContext(diff(expected, mismatch.actual));
  return `${head} gives other output; - recorded, + now\n${lines.map(printLine).join("")}`;
}

function printLine({ kind, text }: DiffLine): string {
  return `${MARKS[kind]} ${text}\n`;
}

/** A shortest edit between two texts, by their longest common subsequence. */
function diff(before: readonly string[], after: readonly string[]): DiffLine[] {
  // lengths[i][j]: of the longest common subsequence of before from i on and after from j on.
  const lengths = Array.from({ length: before.length + 1 }, () =>
    new Array<number>(after.length + 1).fill(0),
  );
  const lengthAt = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    const row = lengths[i] ?? [];
    for (let j = after.length - 1; j >= 0; j--) {
      const longest = Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
      row[j] = before[i] === after[j] ? lengthAt(i + 1, j + 1) + 1 : longest;
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [one, other] = [before[i], after[j]];
    if (one !== undefined && one === other) {
      lines.push({ kind: "kept", text: one });
      i++;
      j++;
    } else if (
      one !== undefined &&
      (other === undefined || lengthAt(i + 1, j) >= lengthAt(i, j + 1))
    ) {
      lines.push({ kind: "missing", text: one });
      i++;
    } else if (other !== undefined) {
      lines.push({ kind: "extra", text: other });
      j++;
    }
  }
  return lines;
}

/** Leaves out what is far from any difference. */
function withContext(lines: readonly DiffLine[]): DiffLine[] {
  const near = (at: number): boolean =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ kind }) => kind !== "kept");
  const out: DiffLine[] = [];
  lines.forEach((line, at) => {
    if (near(at)) out.push(line);
    else if (at > 0 && near(at - 1)) out.push({ kind: "kept", text: "…" });
  });
  return out;
}
