import type { Availability, StruckTime } from "./availability.ts";

/** The table of availability, for a terminal and for Markdown alike. */
export function availabilityTable(
  rows: readonly Availability[],
  struck: readonly StruckTime[],
): string[] {
  const head = [
    "fault",
    "times",
    "seconds",
    "available",
    "first write",
    "longest gap",
    "caught up",
    "ok",
    "unknown",
    "failed",
  ];
  const body = rows.map((row) => [
    row.label,
    String(row.periods),
    (row.totalMs / 1_000).toFixed(1),
    `${(row.share * 100).toFixed(1)} %`,
    row.firstSuccessMs === undefined ? "none" : `${row.firstSuccessMs.toFixed(0)} ms`,
    `${row.longestGapMs.toFixed(0)} ms`,
    caughtUp(struck.filter(({ label }) => label === row.label)),
    String(row.ok),
    String(row.unknown),
    String(row.fail),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column > 0)).join(" | ")} |`;
  const rule = widths.map(
    (width, column) => "-".repeat(column > 0 ? width - 1 : width) + (column > 0 ? ":" : ""),
  );
  return [line(head), line(rule), ...body.map(line)];
}

/** The longest of all times; none where nobody was struck. */
function caughtUp(struck: readonly StruckTime[]): string {
  if (struck.length === 0) return "";
  const times = struck.map(({ caughtUpMs }) => caughtUpMs ?? Infinity);
  const longest = Math.max(...times);
  return longest === Infinity ? "not" : `${longest.toFixed(0)} ms`;
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}
