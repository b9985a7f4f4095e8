import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import path from "node:path";

const PAGE_BYTES = 4_096;
const WARM_UP = 100;
const SYNCS = 1_000;

/** The value below which the share `q` of the ascending `values` lies. */
export function percentile(values: ArrayLike<number>, q: number): number {
  const at = Math.min(values.length - 1, Math.ceil(q * values.length) - 1);
  return values[Math.max(0, at)] ?? Number.NaN;
}

/** Prints one table as Markdown. */
export function printTable(rows: readonly Readonly<Record<string, string | number>>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
  console.log(line(names));
  console.log(line(names.map(() => "---")));
  for (const row of rows) console.log(line(names.map((name) => row[name] ?? "")));
}

/** `12,345`, or with digits behind the point `1.23`. */
export function figure(value: number, digits = 0): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Prints what a figure depends on besides the program: the machine, its disk, Node and the commit. */
export function printMachine(directory: string): void {
  const [cpu] = cpus();
  const syncs = syncTimes(path.join(directory, "fdatasync"));
  const milliseconds = (q: number): string => figure(percentile(syncs, q), 2);
  console.log(
    [
      `${cpus().length} × ${cpu?.model.trim() ?? "unknown"}`,
      `${figure(totalmem() / 2 ** 30)} GiB`,
      `Node ${process.version}`,
      `commit ${commit()}`,
      `fdatasync of 4 KiB p50 ${milliseconds(0.5)} ms, p99 ${milliseconds(0.99)} ms`,
    ].join(" · ") + "\n",
  );
}

/** Milliseconds, ascending, of writes in the middle of a file, each with its sync, as a log with segments made in advance does them. */
function syncTimes(file: string): Float64Array {
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const fd = openSync(file, "w");
  try {
    writeSync(fd, Buffer.alloc(PAGE_BYTES * (WARM_UP + SYNCS)), 0);
    fdatasyncSync(fd);
    const times = Array.from({ length: WARM_UP + SYNCS }, (_, i) => {
      const startedAt = performance.now();
      writeSync(fd, page, 0, PAGE_BYTES, i * PAGE_BYTES);
      fdatasyncSync(fd);
      return performance.now() - startedAt;
    });
    return Float64Array.from(times.slice(WARM_UP)).sort();
  } finally {
    closeSync(fd);
    rmSync(file);
  }
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " + changes";
    return git("rev-parse", "--short", "HEAD") + changed;
  } catch {
    return "unknown";
  }
}
