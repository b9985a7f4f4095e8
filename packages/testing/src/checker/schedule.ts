import type { CompiledOperation } from "./compiled-operation.ts";

/** A moment at which an operation must have taken effect. */
export interface Deadline {
  readonly operation: number;
  /** Its place among the events of the history. */
  readonly at: number;
  /** What may have taken effect by then and was not bound to before: the operation itself, and others that are open. Earliest deadline first. */
  readonly open: readonly number[];
  /** Operations that begin after the deadline before and up to this one. */
  readonly begun: readonly number[];
}

/** The order of the moments of a partition, and a bit for each operation while it is open. */
export interface Schedule {
  readonly deadlines: readonly Deadline[];
  /** By operation. Freed at its deadline, and then given to others. */
  readonly bitOf: readonly number[];
  /** How many 32-bit words hold all bits. */
  readonly words: number;
}

/** Lays out the moments at which a search has to decide: the ends of operations. */
export function scheduleOf(operations: readonly CompiledOperation[]): Schedule {
  const calls = operations.map((_, index) => index);
  calls.sort((a, b) => (operations[a]?.call ?? 0) - (operations[b]?.call ?? 0));
  const ends = calls.filter((index) => operations[index]?.end !== Infinity);
  ends.sort((a, b) => (operations[a]?.end ?? 0) - (operations[b]?.end ?? 0));

  const bitOf = new Array<number>(operations.length).fill(0);
  const free: number[] = [];
  let bits = 0;
  let next = 0;
  let open: number[] = [];
  const deadlines: Deadline[] = [];
  for (const operation of ends) {
    const at = operations[operation]?.end ?? 0;
    const begun: number[] = [];
    for (; next < calls.length; next += 1) {
      const index = calls[next] ?? 0;
      if ((operations[index]?.call ?? 0) > at) break;
      bitOf[index] = free.pop() ?? (bits += 1) - 1;
      begun.push(index);
      open.push(index);
    }
    open.sort((a, b) => (operations[a]?.end ?? 0) - (operations[b]?.end ?? 0));
    deadlines.push({ operation, at, open, begun });
    open = open.filter((index) => index !== operation);
    free.push(bitOf[operation] ?? 0);
  }
  return { deadlines, bitOf, words: Math.max(1, Math.ceil(bits / 32)) };
}
