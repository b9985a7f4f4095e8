import type { CompiledOperation } from "./compiled-operation.ts";
import type { Schedule } from "./schedule.ts";

/** Which bits of the open operations at a deadline mean what. */
interface Masks {
  /** Writes that took effect, sooner or later: two points differ when these do. */
  readonly writes: readonly number[];
  /** Reads: the more are done the better. */
  readonly reads: readonly number[];
  /** Operations of unknown outcome: the fewer are used up the better. */
  readonly optional: readonly number[];
}

/** The points that a search has been at, by deadline, state and writes; of the rest, what was best. */
export class Visited {
  readonly #operations: readonly CompiledOperation[];
  readonly #schedule: Schedule;
  readonly #masks: (Masks | undefined)[] = [];
  readonly #points: (Map<string | number, (readonly number[])[]> | undefined)[] = [];

  constructor(operations: readonly CompiledOperation[], schedule: Schedule) {
    this.#operations = operations;
    this.#schedule = schedule;
  }

  /** `false`: a point that is at least as good has been there. The numbers of `taken` are kept. */
  add(deadline: number, state: number, taken: readonly number[]): boolean {
    const masks = (this.#masks[deadline] ??= this.#masksAt(deadline));
    const points = (this.#points[deadline] ??= new Map<string | number, (readonly number[])[]>());
    const key = keyOf(state, taken, masks.writes);
    const alike = points.get(key);
    if (alike === undefined) {
      points.set(key, [taken]);
      return true;
    }
    if (alike.some((other) => isAtLeastAsGood(other, taken, masks))) return false;
    alike.push(taken);
    return true;
  }

  #masksAt(deadline: number): Masks {
    const empty = (): number[] => new Array<number>(this.#schedule.words).fill(0);
    const masks = { writes: empty(), reads: empty(), optional: empty() };
    for (const index of this.#schedule.deadlines[deadline]?.open ?? []) {
      const bit = this.#schedule.bitOf[index] ?? 0;
      const operation = this.#operations[index];
      const isRead = operation?.effects.length === 0;
      const kind = isRead ? "reads" : operation?.end === Infinity ? "optional" : "writes";
      masks[kind][bit >>> 5] = (masks[kind][bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
    return masks;
  }
}

function isAtLeastAsGood(one: readonly number[], other: readonly number[], masks: Masks): boolean {
  return one.every((word, at) => {
    const theirs = other[at] ?? 0;
    const usedMore = word & ~theirs & (masks.optional[at] ?? 0);
    const readLess = theirs & ~word & (masks.reads[at] ?? 0);
    return usedMore === 0 && readLess === 0;
  });
}

/** One word fits into a number beside the state; more do not. */
function keyOf(
  state: number,
  taken: readonly number[],
  writes: readonly number[],
): string | number {
  const words = taken.map((word, at) => (word & (writes[at] ?? 0)) >>> 0);
  const [first = 0] = words;
  if (words.length === 1 && state < 2 ** 20) return state * 2 ** 32 + first;
  return `${state}:${words.join(",")}`;
}
