import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../programs/check-history/main.ts";
import { formatHistory } from "../../src/history/own-format.ts";
import { get, historyOf, put, saw } from "./history-of.ts";

const GOOD = formatHistory(historyOf([put("k", "1"), { type: "write" }], [get("k"), saw("1")]));
const BAD = formatHistory(historyOf([put("k", "1"), { type: "write" }], [get("k"), saw(null)]));

describe("pnpm check-history", () => {
  let directory: string;
  let printed: string[];
  let errors: string[];

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), "check-history-"));
    printed = [];
    errors = [];
    write("good.jsonl", GOOD);
    write("bad.jsonl", BAD);
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function write(name: string, text: string): void {
    writeFileSync(path.join(directory, name), text);
  }

  function run(...args: readonly string[]): number {
    return main(args, {
      directory,
      print: (line) => printed.push(line),
      printError: (line) => errors.push(line),
    });
  }

  it("ends with 0 for what is linearizable", () => {
    expect(run("good.jsonl")).toBe(0);
    expect(printed).toEqual(["good.jsonl: linearizable"]);
  });

  it("ends with 1 for what is not, and shows the window", () => {
    expect(run("good.jsonl", "bad.jsonl")).toBe(1);
    expect(printed).toEqual([
      "good.jsonl: linearizable",
      "bad.jsonl: not linearizable",
      "  no order of these operations explains their results:",
      '  * process 0  lines 2-3, 1.0-2.0 ms  put k "1"',
      "  * process 1  lines 4-5, 3.0-4.0 ms  get k -> nil",
      "  possible states when the last one had to have taken effect:",
      '    k="1"',
      "1 of 2 histories linearizable",
    ]);
  });

  it("ends with 1 for what it could not decide", () => {
    expect(run("good.jsonl", "--max-steps", "1")).toBe(1);
    expect(printed).toEqual(["good.jsonl: undecided"]);
  });

  it("ends with 0 exactly if every verdict is the expected one", () => {
    write("verdicts.json", '{ "good.jsonl": true, "bad.jsonl": false }');
    expect(run("good.jsonl", "bad.jsonl", "--expect", "verdicts.json")).toBe(0);
    expect(run(".", "--expect", "verdicts.json")).toBe(0);
    expect(run("--expect", "verdicts.json")).toBe(0);
    expect(printed.at(-1)).toBe("2 of 2 histories as expected");
    write("verdicts.json", '{ "good.jsonl": true, "bad.jsonl": true }');
    expect(run("bad.jsonl", "--expect", "verdicts.json")).toBe(1);
    expect(printed.at(-1)).toBe("  expected: linearizable");
  });

  it("draws the window", () => {
    expect(run("bad.jsonl", "--html", "page.html")).toBe(1);
    const page = readFileSync(path.join(directory, "page.html"), "utf8");
    expect(page).toContain("<title>bad.jsonl: not linearizable</title>");
    expect(page).toContain("get k -&gt; nil");
  });

  const unusable: readonly (readonly [error: string, args: readonly string[]])[] = [
    ["no FILE given", []],
    ["unknown model (x); there are register and kv", ["good.jsonl", "--model", "x"]],
    ["--max-steps (0) is not a whole number from 1 on", ["good.jsonl", "--max-steps", "0"]],
    ["Unknown option '--what'", ["--what"]],
    ["nowhere.jsonl: ENOENT", ["nowhere.jsonl"]],
    ["broken.jsonl:2: not JSON: a line may be cut off", ["broken.jsonl"]],
    ["verdicts.json: not an object of verdicts", ["good.jsonl", "--expect", "verdicts.json"]],
    ["verdict of good.jsonl is neither true nor false", ["good.jsonl", "--expect", "odd.json"]],
    ["broken.jsonl: Expected property name", ["good.jsonl", "--expect", "broken.jsonl"]],
    ["bad.jsonl: no verdict is expected of it", ["bad.jsonl", "--expect", "one.json"]],
    [
      "gone.jsonl: a verdict is expected, but there is no such file",
      ["sub", "--expect", "gone.json"],
    ],
    ["empty: no histories in it", ["empty"]],
  ];
  it.each(unusable)("ends with 2: %s", (error, args) => {
    write("broken.jsonl", `${GOOD.split("\n")[0] ?? ""}\n{"type":`);
    if (error.startsWith("broken.jsonl: Exp")) write("broken.jsonl", "{x");
    write("verdicts.json", "[]");
    write("odd.json", '{ "good.jsonl": "true" }');
    write("one.json", '{ "good.jsonl": true }');
    write("gone.json", '{ "sub/good.jsonl": true, "sub/gone.jsonl": true }');
    mkdirSync(path.join(directory, "empty"));
    mkdirSync(path.join(directory, "sub"));
    write("sub/good.jsonl", GOOD);
    expect(run(...args)).toBe(2);
    expect(errors.join("\n")).toContain(error);
  });

  it("says what there is", () => {
    expect(run("--help")).toBe(0);
    expect(printed.join("\n")).toContain("pnpm check-history FILE...");
  });
});
