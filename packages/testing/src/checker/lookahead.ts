import type { CompiledOperation } from "./compiled-operation.ts";
import { ANY, type Values } from "./values.ts";

/** So many of the next reads of a key that is appended to are compared with what it would hold. */
const MAX_READS = 8;

/** What a search tells of where it is. */
export interface Vantage {
  /** The place of the next deadline among the events: what begins after it has not begun, what ended before it is done. */
  readonly now: number;
  /** Whether an open operation has taken effect. */
  readonly isTaken: (operation: number) => boolean;
}

/** What is known of one key. */
interface Slot {
  /** Reads by what they expect, the earliest end first. */
  readonly reads: Map<number, number[]>;
  /** All reads, the earliest end first. */
  readonly allReads: { readonly operation: number; readonly value: number }[];
  /** Operations that set the key, by value, in order of their beginning. */
  readonly setters: Map<number, number[]>;
  readonly allSetters: { readonly operation: number; readonly value: number }[];
  isAppended: boolean;
}

/**
 * Knows which values reads have still to see. A search that goes on after it replaced the last copy of one of them would find that out only when the read ends,
 * after it has tried everything in between, many times.
 */
export class Lookahead {
  readonly #operations: readonly CompiledOperation[];
  readonly #values: Values;
  readonly #slots: Slot[] = [];

  constructor(operations: readonly CompiledOperation[], values: Values) {
    this.#operations = operations;
    this.#values = values;
    const order = operations.map((_, index) => index);
    const byCall = [...order].sort((a, b) => this.#call(a) - this.#call(b));
    for (const index of byCall) {
      for (const effect of operations[index]?.effects ?? []) {
        const slot = this.#slot(effect.slot);
        if (effect.type === "append") {
          slot.isAppended = true;
        } else {
          slot.allSetters.push({ operation: index, value: effect.value });
          addTo(slot.setters, effect.value, index);
        }
      }
    }
    const byEnd = order.filter((index) => this.#end(index) !== Infinity);
    byEnd.sort((a, b) => this.#end(a) - this.#end(b));
    for (const index of byEnd) {
      for (const { slot, value } of operations[index]?.expects ?? []) {
        addTo(this.#slot(slot).reads, value, index);
        this.#slot(slot).allReads.push({ operation: index, value });
      }
    }
  }

  /** Whether somebody is still to see what a key would not hold any more, and would never hold again, if `operation` changed it from `before` to `after`. */
  forbids(
    vantage: Vantage,
    operation: number,
    before: readonly number[],
    after: readonly number[],
  ): boolean {
    return (this.#operations[operation]?.effects ?? []).some(({ slot }) => {
      const old = before[slot] ?? ANY;
      const next = after[slot] ?? ANY;
      const known = this.#slots[slot];
      if (old === next || known === undefined) return false;
      return known.isAppended
        ? this.#missesAppended(vantage, operation, known, next)
        : this.#misses(vantage, operation, known, old);
    });
  }

  /** Whether a single change would be seen by one of `waiting`: what nobody sees need not come before anything. */
  isOfUse(operation: number, waiting: readonly number[]): boolean {
    const { effects = [] } = this.#operations[operation] ?? {};
    const [effect] = effects;
    if (effects.length !== 1 || effect?.type !== "set") return true;
    const { slot, value } = effect;
    if (this.#slots[slot]?.isAppended === true) return true;
    return waiting.some((index) =>
      (this.#operations[index]?.expects ?? []).some(
        (expected) => expected.slot === slot && expected.value === value,
      ),
    );
  }

  #misses(vantage: Vantage, operation: number, slot: Slot, old: number): boolean {
    const reader = this.#firstWaiting(vantage, operation, slot.reads.get(old) ?? []);
    if (reader === undefined) return false;
    return !this.#canStillCome(vantage, operation, slot.setters.get(old) ?? [], this.#end(reader));
  }

  /** Whether one of the next reads saw a text that neither appends can make of what the key holds now, nor of what it may be set to before. */
  #missesAppended(vantage: Vantage, operation: number, slot: Slot, next: number): boolean {
    const at = firstFrom(slot.allReads.length, (index) => {
      return this.#end(slot.allReads[index]?.operation ?? 0) >= vantage.now;
    });
    let looked = 0;
    for (let index = at; index < slot.allReads.length && looked < MAX_READS; index += 1) {
      const { operation: reader = 0, value: seen = ANY } = slot.allReads[index] ?? {};
      if (!this.#isWaiting(vantage, operation, reader)) continue;
      looked += 1;
      if (this.#values.startsWith(seen, next)) continue;
      const setters = slot.allSetters
        .filter(({ value }) => this.#values.startsWith(seen, value))
        .map((setter) => setter.operation);
      if (!this.#canStillCome(vantage, operation, setters, this.#end(reader))) return true;
    }
    return false;
  }

  /** The first to end of those that have not taken effect, of `readers` in the order of their ends. */
  #firstWaiting(
    vantage: Vantage,
    operation: number,
    readers: readonly number[],
  ): number | undefined {
    const at = firstFrom(readers.length, (index) => this.#end(readers[index] ?? 0) >= vantage.now);
    for (let index = at; index < readers.length; index += 1) {
      const reader = readers[index] ?? 0;
      if (this.#isWaiting(vantage, operation, reader)) return reader;
    }
    return undefined;
  }

  #canStillCome(
    vantage: Vantage,
    operation: number,
    writers: readonly number[],
    end: number,
  ): boolean {
    const at = firstFrom(writers.length, (index) => this.#call(writers[index] ?? 0) >= end);
    for (let index = at - 1; index >= 0; index -= 1) {
      if (this.#isWaiting(vantage, operation, writers[index] ?? 0)) return true;
    }
    return false;
  }

  /** Whether it has not taken effect, when `operation` has. */
  #isWaiting({ now, isTaken }: Vantage, operation: number, other: number): boolean {
    if (other === operation || this.#end(other) < now) return false;
    return this.#call(other) > now || !isTaken(other);
  }

  #slot(index: number): Slot {
    return (this.#slots[index] ??= {
      reads: new Map(),
      allReads: [],
      setters: new Map(),
      allSetters: [],
      isAppended: false,
    });
  }

  #call(operation: number): number {
    return this.#operations[operation]?.call ?? 0;
  }

  #end(operation: number): number {
    return this.#operations[operation]?.end ?? Infinity;
  }
}

function addTo(map: Map<number, number[]>, key: number, operation: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [operation]);
  else list.push(operation);
}

/** The first of `length` places that holds; all behind it do as well. */
function firstFrom(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
