import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HISTORY_HEADER } from "../../src/history/history.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTools } from "../../chaos/tools.ts";
import { stripProgram } from "./stripped-program.ts";

const FAULTS = ["kill", "split", "pause", "fsync"] as const;
const SEED = Number(process.env["SEED"] ?? 3);

const onLinux = process.platform === "linux";
const reason = whySkipped();
const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;

function whySkipped(): string | undefined {
  if (!onLinux) return "network namespaces are Linux's";
  const tools = findTools(true);
  if (!tools.namespaces) return tools.notes.join("; ");
  return FAULTS.map((kind) => tools.skipped.get(kind)).find((why) => why !== undefined);
}

let program = "";
let out = "";
beforeAll(() => {
  program = stripProgram();
  out = mkdtempSync(join(tmpdir(), "holdfast-chaos-out-"));
}, 120_000);
afterAll(() => {
  rmSync(program, { recursive: true, force: true });
  rmSync(out, { recursive: true, force: true });
});

describe.skipIf(reason !== undefined)(`five real nodes under real faults${skipped}`, () => {
  test("lose nothing, explain every answer, recover, and leave nothing behind", async () => {
    const { status, output, pid } = await run([
      ...["--minutes", "0.75", "--seed", String(SEED)],
      ...["--faults", FAULTS.join(","), "--out", out],
    ]);
    expectNothingLost(status, output);
    for (const kind of FAULTS) expect(output).toContain(`${kind} ends: `);
    expect(output).toMatch(/compared with \d{4,} acknowledged writes/);
    expect(output).toMatch(/history: \d{4,} operations, linearizable/);
    expect(readFileSync(join(out, "history.jsonl"), "utf8").startsWith(HISTORY_HEADER)).toBe(true);
    expect(readFileSync(join(out, "availability.svg"), "utf8")).toContain("</svg>");
    expect(leftovers(pid)).toEqual([]);
  }, 240_000);

  test("are gone when the program is interrupted", async () => {
    const args = ["--minutes", "1", "--seed", "1", "--out", out];
    const { status, output, pid } = await run(args, "begins");
    expect({ status, output }).toEqual({
      status: 1,
      output: expect.stringContaining("ended by SIGINT") as string,
    });
    expect(leftovers(pid)).toEqual([]);
  }, 120_000);
});

describe.skipIf(!onLinux)("without network namespaces", () => {
  test("a proxy makes the partitions, and says that it does", async () => {
    const { status, output } = await run([
      ...["--minutes", "0.2", "--seed", String(SEED), "--loopback"],
      ...["--faults", "one-way", "--out", out],
    ]);
    expectNothingLost(status, output);
    expect(output).toContain("no network namespaces (not asked for (--loopback))");
    expect(output).toMatch(/one-way ends: \d+ bytes held back by the proxy/);
  }, 240_000);
});

function expectNothingLost(status: number | null, output: string): void {
  // The whole output is the message of a failure.
  const kept = expect.stringMatching(/every member served[^]*nothing was lost/) as string;
  expect({ status, output }).toEqual({ status: 0, output: kept });
}

/** Runs the program to its end; sends SIGINT as soon as its output contains `interruptAt`. */
async function run(args: readonly string[], interruptAt?: string) {
  const child = spawn(process.execPath, [join(program, "testing/chaos/main.js"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const read = (chunk: Buffer): void => {
    const before = output;
    output += chunk.toString();
    if (interruptAt === undefined || before.includes(interruptAt)) return;
    if (output.includes(interruptAt)) child.kill("SIGINT");
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, output, pid: child.pid ?? 0 };
}

function leftovers(pid: number): string[] {
  const names = [1, 2, 3, 4, 5, "hub"].map((name) => `holdfast-chaos-${pid}-${name}`);
  return names.map((name) => `/run/netns/${name}`).filter((path) => existsSync(path));
}
