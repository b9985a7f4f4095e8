import {
  type DatabaseNode,
  HoldfastError,
  type HoldfastErrorCode,
  type WriteOperation,
} from "@holdfast/core";
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

/** A node that keeps one value, and can damage it. */
function keeping() {
  let kept: Uint8Array | undefined;
  const revision = { index: 5, position: 0 };
  const node = {
    write: ([operation]: readonly WriteOperation[]) => {
      kept = operation?.type === "put" ? operation.value : undefined;
      return Promise.resolve({ revision });
    },
    read: () =>
      Promise.resolve({
        index: 5,
        values: [kept && { value: kept, create: revision, modify: revision }],
      }),
  } as unknown as DatabaseNode;
  return { node, stored: () => kept ?? new Uint8Array() };
}

const get = { type: "get", key: "a" } as const;

describe("values", () => {
  test.each(["0", "1", "17", "123456"])("come back as they were written (%s)", async (value) => {
    const { node, stored } = keeping();
    await perform(node, { type: "put", key: "a", value });
    expect(stored().length).toBeLessThanOrEqual(1_510);
    expect(await perform(node, get)).toEqual({
      type: "ok",
      result: { type: "get", value, index: 5 },
    });
    await perform(node, { type: "delete", key: "a" });
    expect(await perform(node, get)).toMatchObject({ result: { value: null } });
  });

  test.each([0, 1, 10, 200])("that are damaged anywhere are nobody's (byte %i)", async (at) => {
    const { node, stored } = keeping();
    await perform(node, { type: "put", key: "a", value: "17" });
    stored()[at]! ^= 1;
    await expect(perform(node, get)).rejects.toThrow("damaged value");
  });
});

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
