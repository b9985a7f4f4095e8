import { HoldfastError } from "@holdfast/core";
import { DiskError } from "@holdfast/platform";

/**
 * Whether a node may stop, or refuse to open, for this reason. A disk that fails explains it; a disk that lost what it had promised to keep explains damage
 * and a lost identity; nothing explains a broken invariant.
 */
export function isExcused(error: Error, impaired: boolean): boolean {
  for (const cause of chainOf(error)) {
    if (cause.message.includes("broken invariant")) return false;
    if (cause.name === "InvariantError" || cause instanceof TypeError) return false;
  }
  if (chainOf(error).some((cause) => cause instanceof DiskError)) return true;
  if (!(error instanceof HoldfastError)) return false;
  return impaired && (error.code === "CORRUPT" || error.code === "IDENTITY");
}

/** Whether only another disk can help. */
export function isFinal(error: Error): boolean {
  return error instanceof HoldfastError && (error.code === "CORRUPT" || error.code === "IDENTITY");
}

/** An error and what caused it, outermost first. */
function chainOf(error: Error): readonly Error[] {
  const chain: Error[] = [];
  let next: unknown = error;
  while (next instanceof Error && chain.length < 16) {
    chain.push(next);
    next = next.cause;
  }
  return chain;
}
