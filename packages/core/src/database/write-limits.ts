import { HoldfastError } from "../errors.ts";
import type { KvOperation } from "../kv/kv-commands.ts";
import type { WriteLimits } from "./port.ts";

/** Throws `TOO_LARGE` when a write exceeds a limit: before it is proposed, so that nothing of it can take effect. */
export function checkOperation(operation: KvOperation, limits: WriteLimits): void {
  check("key", operation.key.length, "maxKeyBytes", limits);
  if (operation.type === "put") check("value", operation.value.length, "maxValueBytes", limits);
}

/** As {@link checkOperation}, for operations that take effect together. */
export function checkBatch(operations: readonly KvOperation[], limits: WriteLimits): void {
  let bytes = 0;
  for (const operation of operations) {
    checkOperation(operation, limits);
    bytes += operationBytes(operation);
  }
  check("batch", bytes, "maxBatchBytes", limits);
}

/** What an operation counts towards `maxBatchBytes`. */
export function operationBytes(operation: KvOperation): number {
  return operation.key.length + (operation.type === "put" ? operation.value.length : 0);
}

function check(what: string, bytes: number, limit: keyof WriteLimits, limits: WriteLimits): void {
  if (bytes <= limits[limit]) return;
  throw new HoldfastError(
    "TOO_LARGE",
    `${what} of (${bytes}) bytes exceeds ${limit} (${limits[limit]}): split it, or raise the limit`,
  );
}
