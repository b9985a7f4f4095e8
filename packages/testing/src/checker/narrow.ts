import type { CompiledOperation } from "./compiled-operation.ts";
import { MISSING } from "./values.ts";

/**
 * Says more of operations with unknown outcome, from what others saw, without changing the verdict:
 *
 * - What none of its values was ever seen of is left out: an order that holds it explains the same without it, as nobody looked in between.
 * - Where a value was seen that only this operation writes, it must have taken effect before that read ended; unless it may have been there from the beginning.
 *
 * Not for keys that are appended to: there every value shows in the later ones.
 */
export function narrow(
  operations: readonly CompiledOperation[],
  { knowsInitial }: { readonly knowsInitial: boolean },
): CompiledOperation[] {
  const seen = new Map<string, number>();
  const writers = new Map<string, number>();
  const appended = new Set<number>();
  for (const { expects, effects, end } of operations) {
    for (const { slot, value } of end === Infinity ? [] : expects) {
      const cell = `${slot}:${value}`;
      seen.set(cell, Math.min(seen.get(cell) ?? Infinity, end));
    }
    for (const effect of effects) {
      if (effect.type === "append") appended.add(effect.slot);
      else count(writers, `${effect.slot}:${effect.value}`);
    }
    // One that may have compared has its own expectation, whatever became of it.
    if (end === Infinity) for (const { slot } of expects) appended.add(slot);
  }
  const narrowed: CompiledOperation[] = [];
  for (const operation of operations) {
    if (operation.end !== Infinity) {
      narrowed.push(operation);
      continue;
    }
    let isSeen = false;
    let end = Infinity;
    for (const effect of operation.effects) {
      if (effect.type === "append" || appended.has(effect.slot)) {
        isSeen = true;
        continue;
      }
      const cell = `${effect.slot}:${effect.value}`;
      const firstSeen = seen.get(cell);
      if (firstSeen === undefined) continue;
      isSeen = true;
      const isOnly = knowsInitial && effect.value !== MISSING && writers.get(cell) === 1;
      // A value that was seen before it was written explains nothing: the search will say so.
      if (isOnly && firstSeen > operation.call) end = Math.min(end, firstSeen - 0.5);
    }
    if (isSeen) narrowed.push({ ...operation, end });
  }
  return narrowed;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
