import type { CompiledOperation, Effect } from "./compiled-operation.ts";
import { ANY, type Values } from "./values.ts";

/** An answer of {@link States.after}: the operation is not possible there. */
export const IMPOSSIBLE = -1;

/** The states of a partition that a search has met, numbered: each is a tuple of values, one for each key. */
export class States {
  readonly #values: Values;
  readonly #tuples: (readonly number[])[] = [];
  readonly #numbers = new Map<string | number, number>();
  /** What has been worked out, by state for each operation. */
  readonly #results: Map<number, number>[];
  readonly #operations: readonly CompiledOperation[];

  constructor(values: Values, operations: readonly CompiledOperation[]) {
    this.#values = values;
    this.#operations = operations;
    this.#results = operations.map(() => new Map<number, number>());
  }

  /** The number of the state in which each of so many keys holds `value`. */
  uniform(keys: number, value: number): number {
    return this.#number(new Array<number>(keys).fill(value));
  }

  tuple(state: number): readonly number[] {
    return this.#tuples[state] ?? [];
  }

  /** The state after an operation, or {@link IMPOSSIBLE}. */
  after(state: number, operation: number): number {
    const results = this.#results[operation];
    const known = results?.get(state);
    if (known !== undefined) return known;
    const compiled = this.#operations[operation];
    const result = compiled === undefined ? IMPOSSIBLE : this.#carryOut(state, compiled);
    results?.set(state, result);
    return result;
  }

  #carryOut(state: number, { expects, effects, isImpossible }: CompiledOperation): number {
    if (isImpossible) return IMPOSSIBLE;
    const tuple = this.tuple(state);
    let next: number[] | undefined;
    for (const { slot, value } of expects) {
      const held = tuple[slot];
      if (held === value) continue;
      if (held !== ANY) return IMPOSSIBLE;
      // Nobody had looked yet: from here on it was this all the time.
      next ??= [...tuple];
      next[slot] = value;
    }
    for (const effect of effects) {
      next ??= [...tuple];
      next[effect.slot] = this.#valueAfter(next[effect.slot] ?? ANY, effect);
    }
    return next === undefined ? state : this.#number(next);
  }

  #valueAfter(held: number, effect: Effect): number {
    return effect.type === "set" ? effect.value : this.#values.appended(held, effect.text);
  }

  #number(tuple: readonly number[]): number {
    const key = tuple.length === 1 ? (tuple[0] ?? 0) : tuple.join(",");
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#tuples.length);
    return this.#tuples.push(tuple) - 1;
  }
}
