import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { compare } from "../src/compare.ts";
import type { Row } from "../src/protocol.ts";

// The program as it is built and shipped: its members are processes that need JavaScript.
const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "three-nodes-test-"));

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the program with its temporary files in a folder of their own; `interrupt` sends Ctrl-C once the output holds that text. */
async function run(args: readonly string[], interrupt?: string): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: folder, NO_COLOR: "1" },
  });
  let output = "";
  let interrupted = false;
  const collect = (bytes: Buffer): void => {
    output += bytes.toString();
    if (interrupt === undefined || interrupted || !output.includes(interrupt)) return;
    interrupted = true;
    child.kill("SIGINT");
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}

function leftovers(): readonly string[] {
  return readdirSync(folder).filter((name) => name.startsWith("holdfast-"));
}

function jsonLines(name: string, rows: number): string {
  const file = path.join(folder, name);
  const lines = Array.from({ length: rows }, (_, i) =>
    JSON.stringify({ sku: `item-${i}`, price: i }),
  );
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

test.each([2, 20_000])(
  "loses its leader half-way and nothing else, with %i rows",
  { timeout: 120_000 },
  async (rows) => {
    const { code, output } = await run([jsonLines("items.ndjson", rows), "--key", "sku"]);
    expect(output).toMatch(/Killed the leader, node \d, with SIGKILL\./);
    expect(output).toMatch(/Next acknowledged write after [\d,]+ ms\. Node \d leads\./);
    for (const id of [1, 2, 3]) {
      expect(output).toContain(
        `node ${id}: all ${rows.toLocaleString("en-US")} rows are there, and nothing else`,
      );
    }
    expect(output).toMatch(/node +role +term +commit +applied/);
    expect(output.trimEnd()).toMatch(/Nothing was lost\.$/);
    expect(code).toBe(0);
    expect(leftovers()).toEqual([]);
  },
);

test("Ctrl-C ends the members and removes their data", { timeout: 60_000 }, async () => {
  const { code, output } = await run(
    [jsonLines("more.ndjson", 200_000), "--key", "sku"],
    "Loading [",
  );
  expect(output).toContain("Interrupted");
  expect(code).toBe(130);
  expect(leftovers()).toEqual([]);
});

test("who stops reading leaves nothing behind either", { timeout: 60_000 }, async () => {
  const child = spawn(
    process.execPath,
    [program, jsonLines("unread.ndjson", 200_000), "--key", "sku"],
    {
      env: { ...process.env, TMPDIR: folder, NO_COLOR: "1" },
    },
  );
  child.stdout.once("data", () => child.stdout.destroy());
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  expect([code, errors]).toEqual([141, ""]);
  expect(leftovers()).toEqual([]);
});

test.each([
  [["nowhere.ndjson", "--key", "id"], "cannot read nowhere.ndjson"],
  [["nowhere.ndjson"], "needs --key FIELD"],
  [["--colour"], "--colour"],
  [["a", "b", "--key", "id"], "give one file"],
])("says what is wrong with %j and how it is used", async (args, message) => {
  const { code, output } = await run(args);
  expect(output).toContain(message);
  expect(output).toContain("usage: npm run quickstart");
  expect(code).toBe(2);
});

test("names the line that is not JSON, or has no key", async () => {
  const file = path.join(folder, "bad.ndjson");
  writeFileSync(file, '{"id":1}\nnot json\n');
  expect((await run([file, "--key", "id"])).output).toContain(`${file}:2: not a line of JSON`);
  writeFileSync(file, '{"id":1}\n{"name":"x"}\n');
  expect((await run([file, "--key", "id"])).output).toContain(`${file}:2: field "id"`);
});

test("the comparison finds what is missing, different and unexpected", async () => {
  const acknowledged = new Map([
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ]);
  const stored: Row[] = [
    ["a", "1"],
    ["b", "other"],
    ["d", "4"],
  ];
  const replica = {
    page: (after: string, limit: number) =>
      Promise.resolve(stored.filter(([key]) => key > after).slice(0, limit)),
  };
  expect(await compare(replica, acknowledged)).toEqual({
    missing: ["c"],
    different: ["b"],
    unexpected: ["d"],
  });
});
