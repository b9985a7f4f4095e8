import { expect, test } from "vitest";
import { Cleanup } from "../../chaos/cleanup.ts";

test("everything is undone once, the last first, also when a step fails", () => {
  const undone: string[] = [];
  const cleanup = new Cleanup();
  for (const what of ["mount", "network", "process"]) {
    cleanup.add(`remove ${what}`, () => {
      undone.push(what);
      if (what === "network") throw new Error("busy");
    });
  }
  expect(cleanup.run()).toEqual(["remove network: Error: busy"]);
  expect(undone).toEqual(["process", "network", "mount"]);
  expect(cleanup.run()).toEqual([]);
  expect(undone).toHaveLength(3);
});
