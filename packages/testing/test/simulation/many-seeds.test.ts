import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const program = fileURLToPath(new URL("../../dist-programs/sim.js", import.meta.url));

function run(args: readonly string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const add = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", add);
    child.stderr.on("data", add);
    child.on("error", reject);
    child.on("close", (status) => {
      resolve({ status, output });
    });
  });
}

it("finds nothing wrong in two thousand seeds", async () => {
  expect(existsSync(program), "pnpm build comes first").toBe(true);
  const { status, output } = await run(["--seed", "1", "--seeds", "2000", "--jobs", "2"]);
  const lastLine = output.trimEnd().split("\n").at(-1) ?? "";
  // The rate belongs into the log of the run.
  process.stdout.write(`${lastLine}\n`);
  expect(status, output).toBe(0);
  expect(lastLine).toMatch(/^2000 seeds from 1 in .* 0 failed$/);
  // What a run of this length must have shown, or a fault is not carried out any more.
  for (const seen of [
    "fault: power-loss",
    "fault: partition",
    "fault: message-duplication",
    "disk: write-torn",
    "disk: write-lost",
    "disk: names-lost",
    "disk: sync-error",
    "disk: full",
    "disk: read-error",
    "disk: misdirected-write",
    "damage refused: CORRUPT",
    "node failed: IDENTITY",
    "snapshot installed",
    "log truncated",
    "member replaced",
    "leadership transferred",
    "write: not-committed",
    "write: unknown",
  ]) {
    expect(output).toContain(`\n${seen} `);
  }
}, 900_000);

it("says what is wrong with its arguments", async () => {
  const unknown = await run(["--workload", "banking"]);
  expect(unknown).toMatchObject({ status: 2 });
  expect(unknown.output).toContain("unknown workload (banking)");
  expect((await run(["--seeds", "0"])).output).toContain("--seeds (0) must be a whole number");
  expect((await run(["--help"])).status).toBe(0);
});
