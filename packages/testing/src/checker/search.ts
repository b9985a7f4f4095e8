import type { CompiledOperation } from "./compiled-operation.ts";
import { Conflicts } from "./conflicts.ts";
import { Lookahead } from "./lookahead.ts";
import { type Deadline, type Schedule, scheduleOf } from "./schedule.ts";
import { IMPOSSIBLE, type States } from "./states.ts";
import { ANY, type Values } from "./values.ts";
import { Visited } from "./visited.ts";

/** What a search finds out. */
export type SearchResult =
  | { readonly type: "possible" }
  /** No order explains what happened; the search did not get past `deadline`. `states`: some of those in which it was reached, a value for each key. */
  | {
      readonly type: "impossible";
      readonly deadline: Deadline;
      readonly states: readonly (readonly number[])[];
      /** One of the orders in which it was reached. */
      readonly order: readonly CompiledOperation[];
    }
  /** The steps that were allowed did not suffice to say. */
  | { readonly type: "exhausted" };

export interface SearchOptions {
  readonly operations: readonly CompiledOperation[];
  readonly states: States;
  readonly values: Values;
  /** The state before the first operation. */
  readonly initial: number;
  /** Counts what is left for all searches together. */
  readonly budget: { steps: number };
  /** Whether to give up as soon as something later cannot be explained any more: finds out sooner, but stops before the first event that has no explanation. */
  readonly looksAhead: boolean;
}

/** The operations that have taken effect among those that are open, a bit for each. */
type Taken = readonly number[];

/** The order of what has taken effect, the last first. */
interface Trail {
  readonly operation: number;
  readonly before: Trail | undefined;
}

/** A point of the search: before the deadline, with these open operations done. */
interface Point {
  readonly deadline: number;
  readonly state: number;
  readonly taken: Taken;
  readonly trail: Trail | undefined;
}

/** So many states are kept to be shown. */
const MAX_STATES_SHOWN = 8;

/**
 * Looks for an order of the operations that explains every result: depth first, remembering the points from which there is none (Wing and Gong, "Testing and
 * verifying concurrent objects"), and deciding as late as possible (Lowe, "Testing for linearizability": just-in-time linearization): only when
 * an operation ends and has not taken effect yet are others put before it.
 *
 * Six things keep it small without changing what it finds:
 * - A read that fits the state is done at once: it changes nothing, so doing it now forbids nothing later.
 * - Only operations that conflict with the one that is due, or with one that has to be before it, need to be put before it: the others may as well come after.
 * - A point is no better than another one in the same state with the same finished writes, with at least as many reads done and no more operations of unknown
 *   outcome used up.
 * - A value that a read is still to see is not replaced while nothing can bring it back.
 * - A single change of unknown outcome comes first only where one of the open reads sees it.
 * - Of several equal operations of unknown outcome the first is used first.
 */
export function search(options: SearchOptions): SearchResult {
  return new Search(options).run();
}

class Search {
  readonly #operations: readonly CompiledOperation[];
  readonly #states: States;
  readonly #budget: { steps: number };
  readonly #schedule: Schedule;
  readonly #conflicts: Conflicts;
  readonly #lookahead: Lookahead;
  readonly #looksAhead: boolean;
  readonly #visited: Visited;
  readonly #earlierTwins: readonly (number | undefined)[];
  /** The points still to be tried, the most promising last. */
  readonly #points: Point[];
  #furthest = -1;
  #furthestStates = new Set<number>();
  #furthestTrail: Trail | undefined;

  constructor({ operations, states, values, initial, budget, looksAhead }: SearchOptions) {
    this.#operations = operations;
    this.#states = states;
    this.#budget = budget;
    this.#schedule = scheduleOf(operations);
    this.#conflicts = new Conflicts(operations);
    this.#lookahead = new Lookahead(operations, values);
    this.#looksAhead = looksAhead;
    this.#visited = new Visited(operations, this.#schedule);
    this.#earlierTwins = earlierTwinsOf(operations);
    const taken = new Array<number>(this.#schedule.words).fill(0);
    this.#points = [{ deadline: 0, state: initial, taken, trail: undefined }];
  }

  run(): SearchResult {
    for (let point = this.#points.pop(); point !== undefined; point = this.#points.pop()) {
      if (this.#budget.steps <= 0) return { type: "exhausted" };
      this.#budget.steps -= 1;
      const reached = this.#advance(point);
      const deadline = this.#schedule.deadlines[reached.deadline];
      if (deadline === undefined) return { type: "possible" };
      this.#note(reached);
      if (!this.#visited.add(reached.deadline, reached.state, reached.taken)) continue;
      this.#branch(reached, deadline);
    }
    const deadline = this.#schedule.deadlines[this.#furthest];
    if (deadline === undefined) return { type: "possible" };
    const states = [...this.#furthestStates].map((state) => this.#states.tuple(state));
    return { type: "impossible", deadline, states, order: this.#order() };
  }

  /** Goes on to the first deadline of an operation that has not taken effect. */
  #advance({ deadline, state, taken, trail }: Point): Point {
    const now = [...taken];
    let last = trail;
    for (let at = deadline; ; at += 1) {
      const due = this.#schedule.deadlines[at];
      if (due === undefined) return { deadline: at, state, taken: now, trail: last };
      for (const index of due.open) {
        const isRead = this.#operations[index]?.effects.length === 0;
        if (!isRead || this.#isTaken(now, index)) continue;
        if (this.#states.after(state, index) !== state) continue;
        this.#take(now, index);
        last = { operation: index, before: last };
      }
      if (!this.#isTaken(now, due.operation)) {
        return { deadline: at, state, taken: now, trail: last };
      }
      this.#release(now, due.operation);
    }
  }

  /** Tries everything that could come next, so that what is due may take effect. */
  #branch(point: Point, due: Deadline): void {
    const { state, taken } = point;
    if (this.#isHopeless(state, taken, due)) return;
    const waiting = due.open.filter((index) => !this.#isTaken(taken, index));
    const before = this.#conflicts.closure(due.operation, waiting);
    // The last point that is added is tried first: what is due, then what will be due next.
    for (let at = before.length - 1; at >= 0; at -= 1) {
      const index = before[at] ?? 0;
      const isOptional = this.#operations[index]?.end === Infinity;
      if (isOptional && !this.#lookahead.isOfUse(index, waiting)) continue;
      this.#try(index, point);
    }
    this.#try(due.operation, point);
  }

  #try(index: number, { deadline, state, taken, trail }: Point): void {
    const next = this.#states.after(state, index);
    if (next === IMPOSSIBLE) return;
    if (this.#operations[index]?.end === Infinity) {
      if (next === state) return;
      const twin = this.#earlierTwins[index];
      if (twin !== undefined && !this.#isTaken(taken, twin)) return;
    }
    const vantage = {
      now: this.#schedule.deadlines[deadline]?.at ?? 0,
      isTaken: (other: number): boolean => this.#isTaken(taken, other),
    };
    const [before, after] = [this.#states.tuple(state), this.#states.tuple(next)];
    if (this.#looksAhead && this.#lookahead.forbids(vantage, index, before, after)) return;
    const then = [...taken];
    this.#take(then, index);
    this.#points.push({
      deadline,
      state: next,
      taken: then,
      trail: { operation: index, before: trail },
    });
  }

  /** Whether what is due saw a value that nothing could have written that is still to come. */
  #isHopeless(state: number, taken: Taken, { operation, open }: Deadline): boolean {
    const tuple = this.#states.tuple(state);
    const { expects = [], isImpossible = false } = this.#operations[operation] ?? {};
    if (isImpossible) return true;
    return expects.some(({ slot, value }) => {
      if (tuple[slot] === value || tuple[slot] === ANY) return false;
      return !open.some((index) => {
        if (index === operation || this.#isTaken(taken, index)) return false;
        const effects = this.#operations[index]?.effects ?? [];
        return effects.some(
          (effect) => effect.slot === slot && (effect.type === "append" || effect.value === value),
        );
      });
    });
  }

  #note({ deadline, state, trail }: Point): void {
    if (deadline < this.#furthest) return;
    if (deadline > this.#furthest) {
      this.#furthest = deadline;
      this.#furthestStates = new Set();
      this.#furthestTrail = trail;
    }
    if (this.#furthestStates.size < MAX_STATES_SHOWN) this.#furthestStates.add(state);
  }

  #order(): CompiledOperation[] {
    const order: CompiledOperation[] = [];
    for (let at = this.#furthestTrail; at !== undefined; at = at.before) {
      const operation = this.#operations[at.operation];
      if (operation !== undefined) order.push(operation);
    }
    return order.reverse();
  }

  #isTaken(taken: Taken, index: number): boolean {
    const bit = this.#schedule.bitOf[index] ?? 0;
    return (((taken[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  #take(taken: number[], index: number): void {
    const bit = this.#schedule.bitOf[index] ?? 0;
    taken[bit >>> 5] = (taken[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  #release(taken: number[], index: number): void {
    const bit = this.#schedule.bitOf[index] ?? 0;
    taken[bit >>> 5] = (taken[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
  }
}

/** For each operation of unknown outcome the last one before it, if any, that does exactly the same. */
function earlierTwinsOf(operations: readonly CompiledOperation[]): (number | undefined)[] {
  const last = new Map<string, number>();
  const twins = new Array<number | undefined>(operations.length);
  const calls = [...operations.entries()].filter(([, { end }]) => end === Infinity);
  calls.sort(([, a], [, b]) => a.call - b.call);
  for (const [index, { expects, effects }] of calls) {
    const meaning = JSON.stringify([expects, effects]);
    twins[index] = last.get(meaning);
    last.set(meaning, index);
  }
  return twins;
}
