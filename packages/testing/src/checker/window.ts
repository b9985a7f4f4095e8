import type { RecordedOperation } from "../history/operation.ts";
import { type CompiledOperation, compilePartition } from "./compiled-operation.ts";
import { narrow } from "./narrow.ts";
import type { Partition } from "./partition.ts";
import { search, type SearchResult } from "./search.ts";
import { States } from "./states.ts";
import { ANY, MISSING, Values } from "./values.ts";

/** What cannot be explained in a partition. */
export interface PartitionWindow {
  /** The first and the last event, by their places in the history. */
  readonly from: number;
  readonly to: number;
  /** Everything that was open or began in the window, in the order of the beginnings. */
  readonly operations: readonly RecordedOperation[];
  /** The numbers of those that contradict each other: with one of them less there would be an explanation. */
  readonly essential: ReadonlySet<number>;
  /** One order that explains everything but what could not take effect at the end, by their numbers. */
  readonly order: readonly number[];
  /** What the keys could hold when the last operation had to take effect. */
  readonly states: readonly string[];
}

/** How many operations a window may have for each of them to be tried without. */
const MAX_TRIED = 200;

/** A partition, and what a search needs of it. */
export class PartitionSearch {
  readonly #part: Partition;
  readonly #values: Values;
  readonly #operations: readonly CompiledOperation[];

  constructor(part: Partition, missing: string | null) {
    this.#part = part;
    this.#values = new Values(missing);
    this.#operations = compilePartition(part, this.#values);
  }

  /** The verdict on the whole partition, from its first operation on. */
  run(budget: { steps: number }): SearchResult {
    return this.#search(this.#operations, MISSING, budget);
  }

  /**
   * The shortest window of a partition that cannot be explained. It ends with the first event up to which there is no explanation, and begins as late as
   * it can such that no state at its beginning explains the rest. Both ends are found by bisection, as what a longer window allows a shorter one
   * allows too. What the budget does not suffice for stays in the window.
   */
  window(budget: { steps: number }): PartitionWindow {
    const ends = this.#operations.map(({ end }) => end).filter((end) => end !== Infinity);
    ends.sort((a, b) => a - b);
    const to = firstOf(ends, (end) => this.#isImpossible({ to: end }, budget)) ?? Infinity;
    const prefix = this.#operations.filter(({ call }) => call < to);
    const calls = prefix.map(({ call }) => call).sort((a, b) => b - a);
    const from = firstOf(calls, (call) => this.#isImpossible({ from: call, to }, budget));
    const first = from ?? calls.at(-1) ?? 0;
    const within = prefix.filter(({ end }) => end >= first);
    const isContradiction = (without: ReadonlySet<number>): boolean =>
      this.#isImpossible({ from, to, without }, budget);
    return {
      from: first,
      to,
      operations: within.map(({ recorded }) => recorded),
      essential: essentialOf(within, to, isContradiction),
      ...this.#sightAt(to, budget),
    };
  }

  #isImpossible(part: Cut, budget: { steps: number }): boolean {
    const initial = part.from === undefined ? MISSING : ANY;
    return this.#search(cut(this.#operations, part), initial, budget).type === "impossible";
  }

  #sightAt(to: number, budget: { steps: number }): Pick<PartitionWindow, "order" | "states"> {
    const found = this.#search(cut(this.#operations, { to }), MISSING, budget, false);
    if (found.type !== "impossible") return { order: [], states: [] };
    return {
      order: found.order.map(({ recorded }) => recorded.id),
      states: found.states.map((state) => this.#show(state)),
    };
  }

  #search(
    operations: readonly CompiledOperation[],
    initialValue: number,
    budget: { steps: number },
    looksAhead = true,
  ): SearchResult {
    const narrowed = narrow(operations, { knowsInitial: initialValue === MISSING });
    const states = new States(this.#values, narrowed);
    const initial = states.uniform(this.#part.keys.length, initialValue);
    const values = this.#values;
    return search({ operations: narrowed, states, values, initial, budget, looksAhead });
  }

  #show(state: readonly number[]): string {
    return this.#part.keys
      .map((key, slot) => {
        const value = this.#values.show(state[slot] ?? ANY);
        return key === "" ? value : `${key}=${value}`;
      })
      .join(" ");
  }
}

/** A part of a history. */
interface Cut {
  /** The place of the first event; `undefined`: the beginning, where nothing is written yet. */
  readonly from?: number | undefined;
  /** The place of the last event. */
  readonly to: number;
  /** What is left out. */
  readonly without?: ReadonlySet<number>;
}

/**
 * What a part of the events says. An operation that is open at one of the ends may have taken effect outside, and is bound to nothing; so is one that
 * is to be left out, as its effect may still be needed.
 */
function cut(
  operations: readonly CompiledOperation[],
  { from = -1, to, without }: Cut,
): CompiledOperation[] {
  const kept: CompiledOperation[] = [];
  for (const operation of operations) {
    const { call, end, effects, recorded } = operation;
    if (end < from || call > to) continue;
    const isBound = call >= from && end <= to && without?.has(recorded.id) !== true;
    if (isBound) kept.push(operation);
    else if (effects.length > 0) kept.push({ ...operation, end: Infinity });
  }
  return kept;
}

/** The first of `places` that `holds`, given that all behind it do as well. */
function firstOf(places: readonly number[], holds: (place: number) => boolean): number | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(places[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return places[high];
}

/** Leaves out one operation after the other, as long as there is no explanation still. */
function essentialOf(
  within: readonly CompiledOperation[],
  to: number,
  isImpossible: (without: ReadonlySet<number>) => boolean,
): ReadonlySet<number> {
  const bound = within.filter(({ end }) => end <= to).map(({ recorded }) => recorded.id);
  if (bound.length > MAX_TRIED) return new Set(bound);
  const without = new Set<number>();
  for (const id of bound) {
    without.add(id);
    if (!isImpossible(without)) without.delete(id);
  }
  return new Set(bound.filter((id) => !without.has(id)));
}
