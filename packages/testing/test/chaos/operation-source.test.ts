import { prng } from "@holdfast/platform";
import { expect, test } from "vitest";
import { OperationSource } from "../../chaos/operation-source.ts";

const operations = Array.from({ length: 5_000 }, (_, i) => i);

test("values are written once, so that a read tells which write it saw", () => {
  const source = new OperationSource(prng(1));
  const values = operations.flatMap((i) => {
    const operation = source.next(i * 3);
    if (operation.type === "put") return [operation.value];
    if (operation.type !== "batch") return [];
    return operation.changes.flatMap((change) => (change.type === "put" ? [change.value] : []));
  });
  expect(values.length).toBeGreaterThan(1_000);
  expect(new Set(values).size).toBe(values.length);
});

test("batches and scans join the keys of one family only", () => {
  const source = new OperationSource(prng(2));
  for (const i of operations) {
    const operation = source.next(i * 3);
    if (operation.type === "scan") {
      expect(operation.to).toBe(operation.from.replace(/k$/, "l"));
    } else if (operation.type === "batch") {
      const families = operation.changes.map(({ key }) => key.split("/").slice(0, 2).join("/"));
      expect(new Set(families).size).toBe(1);
      expect(new Set(operation.changes.map(({ key }) => key)).size).toBe(operation.changes.length);
    }
  }
});
