import { type DatabaseNode, HoldfastError, type HoldfastErrorCode } from "@holdfast/core";
import type { HistoryOperation } from "@holdfast/testing/history";
import { describe, expect, test } from "vitest";
import { perform } from "../../chaos/operations.ts";

const OPERATIONS: readonly HistoryOperation[] = [
  { type: "put", key: "a", value: "1" },
  { type: "delete", key: "a" },
  { type: "batch", changes: [{ type: "put", key: "a", value: "1" }] },
  { type: "get", key: "a" },
  { type: "scan", from: "a", to: "b" },
];
const WRITES = OPERATIONS.slice(0, 3);

function failing(error: Error): DatabaseNode {
  const fail = (): Promise<never> => Promise.reject(error);
  return { write: fail, read: fail, scan: fail } as unknown as DatabaseNode;
}

const outcomes = (operations: readonly HistoryOperation[], code: HoldfastErrorCode) =>
  Promise.all(
    operations.map(async (one) => (await perform(failing(new HoldfastError(code, "")), one)).type),
  );

describe("what a client may conclude from an error", () => {
  test.each(["NOT_COMMITTED", "OVERLOADED", "TOO_LARGE"] as const)(
    "%s: the write had no effect",
    async (code) => {
      expect(await outcomes(WRITES, code)).toEqual(["fail", "fail", "fail"]);
    },
  );

  test.each(["UNKNOWN", "STOPPED", "CLOSED", "UNAVAILABLE"] as const)(
    "%s: the write may have had an effect",
    async (code) => {
      expect(await outcomes(WRITES, code)).toEqual(["unknown", "unknown", "unknown"]);
    },
  );

  test("a read that failed changed nothing", async () => {
    expect(await outcomes(OPERATIONS.slice(3), "UNKNOWN")).toEqual(["fail", "fail"]);
  });

  test("the code counts also where it is the cause of another error", async () => {
    const cause = new HoldfastError("NOT_COMMITTED", "");
    const outcome = await perform(failing(new Error("wrapped", { cause })), WRITES[0]!);
    expect(outcome.type).toBe("fail");
  });

  test("anything else is nobody's promise", async () => {
    await expect(perform(failing(new RangeError("bug")), WRITES[0]!)).rejects.toThrow("bug");
  });
});
