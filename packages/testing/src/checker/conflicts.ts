import type { CompiledOperation } from "./compiled-operation.ts";

/** Which operations do not commute: one of them changes a key that the other one reads or changes. */
export class Conflicts {
  readonly #touched: readonly ReadonlySet<number>[];
  readonly #changed: readonly ReadonlySet<number>[];
  /** With a single key all operations touch it. */
  readonly #isSingle: boolean;

  constructor(operations: readonly CompiledOperation[]) {
    this.#changed = operations.map(({ effects }) => new Set(effects.map(({ slot }) => slot)));
    this.#touched = operations.map(({ expects, effects }) => {
      return new Set([...expects, ...effects].map(({ slot }) => slot));
    });
    this.#isSingle = this.#touched.every((slots) => slots.size === 1 && slots.has(0));
  }

  /** Those of `waiting` that may have to come before `operation`, directly or before another one of these, in their order; itself is not among them. */
  closure(operation: number, waiting: readonly number[]): number[] {
    if (this.#isSingle) return waiting.filter((index) => index !== operation);
    const within = new Set([operation]);
    for (const reached of within) {
      for (const index of waiting) {
        if (!within.has(index) && this.#conflict(reached, index)) within.add(index);
      }
    }
    return waiting.filter((index) => index !== operation && within.has(index));
  }

  #conflict(one: number, other: number): boolean {
    return (
      meet(this.#changed[one], this.#touched[other]) ||
      meet(this.#touched[one], this.#changed[other])
    );
  }
}

function meet(
  one: ReadonlySet<number> | undefined,
  other: ReadonlySet<number> | undefined,
): boolean {
  if (one === undefined || other === undefined) return false;
  for (const slot of one) if (other.has(slot)) return true;
  return false;
}
