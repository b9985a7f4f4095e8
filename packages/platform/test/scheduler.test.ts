import { readFile } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { nodeScheduler } from "../src/node-scheduler.ts";

const scheduler = nodeScheduler();

it("calls at the end of the turn, in order, after promise reactions", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    // From inside an I/O callback, so that the turn is a known one.
    readFile(fileURLToPath(import.meta.url), () => {
      scheduler.endOfTurn(() => order.push("first"));
      scheduler.endOfTurn(() => {
        order.push("second");
        scheduler.endOfTurn(() => {
          order.push("of the next turn");
          resolve();
        });
      });
      scheduler.endOfTurn(() => order.push("third"));
      void Promise.resolve()
        .then(() => order.push("reaction"))
        .then(() => order.push("reaction to it"));
      order.push("at once");
    });
  });
  expect(order).toEqual([
    "at once",
    "reaction",
    "reaction to it",
    "first",
    "second",
    "third",
    "of the next turn",
  ]);
});
