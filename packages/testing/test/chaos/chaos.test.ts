import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HISTORY_HEADER } from "../../src/history/history.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTools } from "../../chaos/tools.ts";
import { stripProgram } from "./stripped-program.ts";

const FAULTS = ["kill", "split", "pause", "fsync"] as const;
const MINUTES = 0.75;
const SEED = Number(process.env["SEED"] ?? 3);

const reason = whySkipped();
const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;

function whySkipped(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux's";
  const tools = findTools(true);
  if (!tools.namespaces) return tools.notes.join("; ");
  return FAULTS.map((kind) => tools.skipped.get(kind)).find((why) => why !== undefined);
}

describe.skipIf(reason !== undefined)(`five real nodes under real faults${skipped}`, () => {
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

  test("lose nothing, explain every answer, recover, and leave nothing behind", async () => {
    const { status, output, pid } = await run([
      ...["--minutes", String(MINUTES), "--seed", String(SEED)],
      ...["--faults", FAULTS.join(","), "--out", out],
    ]);
    // The whole output is the message of a failure.
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining("nothing was lost") as string,
    });
    for (const kind of FAULTS) expect(output).toContain(`${kind} ends: `);
    expect(output).toContain("every member served");
    expect(output).toMatch(/compared with \d{4,} acknowledged writes/);
    expect(output).toMatch(/history: \d{4,} operations, linearizable/);
    expect(readFileSync(join(out, "history.jsonl"), "utf8").startsWith(HISTORY_HEADER)).toBe(true);
    expect(readFileSync(join(out, "availability.svg"), "utf8")).toContain("</svg>");
    expect(leftovers(pid)).toEqual([]);
  }, 240_000);

  test("are gone when the program is interrupted", async () => {
    const { status, output, pid } = await run(
      ["--minutes", "1", "--seed", "1", "--out", out],
      "begins",
    );
    expect({ status, output }).toEqual({
      status: 1,
      output: expect.stringContaining("ended by SIGINT") as string,
    });
    expect(leftovers(pid)).toEqual([]);
  }, 120_000);

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
    const namespaces = [1, 2, 3, 4, 5, "hub"].map(
      (name) => `/run/netns/holdfast-chaos-${pid}-${name}`,
    );
    return namespaces.filter((path) => existsSync(path));
  }
});
