import { describe, expect, test } from "vitest";
import { readOptions, USAGE, UsageError } from "../../chaos/options.ts";
import { FAULT_KINDS } from "../../chaos/plan.ts";

describe("the command line", () => {
  test("has defaults, with a seed of its own", () => {
    expect(readOptions([], 99)).toEqual({
      minutes: 3,
      seed: 99,
      kinds: FAULT_KINDS,
      out: ".reports/chaos",
      namespaces: true,
    });
  });

  test("takes what is given, also behind two dashes", () => {
    const args = [
      "--",
      "--minutes",
      "0.5",
      "--seed=7",
      "--faults",
      "kill,split,kill",
      "--loopback",
    ];
    expect(readOptions([...args, "--out", "x"], 99)).toEqual({
      minutes: 0.5,
      seed: 7,
      kinds: ["kill", "split"],
      out: "x",
      namespaces: false,
    });
  });

  test.each([
    [["--minutes", "0"], "--minutes (0) must be above 0"],
    [["--minutes", "soon"], "--minutes (soon) must be above 0"],
    [["--seed", "-1"], "--seed"],
    [["--seed", "1.5"], "--seed (1.5) must be a whole number"],
    [["--faults", "kill,flood"], "(flood) is none of kill, "],
    [["--flood"], "--flood"],
    [["now"], "now"],
  ])("refuses %j", (args, message) => {
    expect(() => readOptions(args, 1)).toThrow(UsageError);
    expect(() => readOptions(args, 1)).toThrow(message);
  });

  test("explains every fault", () => {
    expect(readOptions(["--help"], 1)).toBeUndefined();
    for (const kind of FAULT_KINDS) expect(USAGE).toContain(`  ${kind} `);
  });
});
