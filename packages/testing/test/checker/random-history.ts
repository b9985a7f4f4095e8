import type { Random } from "@holdfast/platform";
import type {
  ForeignOperation,
  HistoryChange,
  HistoryEvent,
  HistoryResult,
} from "../../src/history/history.ts";

/** What kind of history is made. */
export interface RandomHistoryOptions {
  readonly operations: number;
  readonly processes: number;
  readonly keys: number;
  /** How many different values there are; `Infinity`: each write has its own. */
  readonly values: number;
  /** Appends and compare-and-set as well. */
  readonly foreign: boolean;
  /** The share of results that say where they stand. */
  readonly placed: number;
  /** The share of operations of unknown outcome. */
  readonly unknown: number;
}

interface Running {
  readonly id: number;
  readonly process: number;
  readonly operation: ForeignOperation;
  result: HistoryResult | "failed" | undefined;
}

/** A history that did happen: every operation takes effect in one moment between its two lines. */
export function randomHistory(
  random: Random,
  options: RandomHistoryOptions,
): HistoryEvent<ForeignOperation>[] {
  return new Making(random, options).make();
}

class Making {
  readonly #random: Random;
  readonly #options: RandomHistoryOptions;
  readonly #events: HistoryEvent<ForeignOperation>[] = [];
  readonly #state = new Map<string, string>();
  readonly #running: Running[] = [];
  /** Of unknown outcome, and perhaps still on their way. */
  #adrift: Running[] = [];
  #index = 1;
  #position = -1;
  #values = 0;

  constructor(random: Random, options: RandomHistoryOptions) {
    this.#random = random;
    this.#options = options;
  }

  make(): HistoryEvent<ForeignOperation>[] {
    let begun = 0;
    while (begun < this.#options.operations || this.#running.length > 0) {
      const dice = this.#random.integer(0, 3);
      const free = this.#freeProcess();
      if (dice === 0 && begun < this.#options.operations && free !== undefined) {
        begun += 1;
        const running = { id: begun, process: free, operation: this.#operation() };
        this.#running.push({ ...running, result: undefined });
        this.#events.push({ type: "invoke", ...running, time: this.#events.length });
      } else if (dice === 1) {
        const one = this.#pick([...this.#running, ...this.#adrift]);
        if (one?.result === undefined && one !== undefined) one.result = this.#carryOut(one);
      } else if (dice === 2) {
        const one = this.#pick(this.#running);
        if (one !== undefined) this.#end(one);
      }
    }
    return this.#events;
  }

  #end(one: Running): void {
    const { id, process } = one;
    const head = { id, process, time: this.#events.length };
    const isUnknown = this.#chance(this.#options.unknown);
    if (!isUnknown && one.result === undefined) return;
    this.#running.splice(this.#running.indexOf(one), 1);
    if (isUnknown) {
      this.#adrift = [...this.#adrift, one];
      this.#events.push({ type: "unknown", ...head });
    } else if (one.result === "failed") {
      this.#events.push({ type: "fail", ...head });
    } else if (one.result !== undefined) {
      this.#events.push({ type: "ok", ...head, result: one.result });
    }
  }

  #carryOut({ operation }: Running): HistoryResult | "failed" {
    const state = this.#state;
    const isPlaced = this.#chance(this.#options.placed);
    switch (operation.type) {
      case "get":
        return { type: "get", value: state.get(operation.key) ?? null, ...this.#seen(isPlaced) };
      case "scan": {
        const { from, to, limit } = operation;
        const entries = [...state].filter(([key]) => key >= from && key < to).sort();
        return { type: "scan", entries: entries.slice(0, limit), ...this.#seen(isPlaced) };
      }
      case "compareAndSet":
        if ((state.get(operation.key) ?? null) !== operation.expected) return "failed";
        state.set(operation.key, operation.value);
        break;
      case "append":
        state.set(operation.key, (state.get(operation.key) ?? "") + operation.value);
        break;
      case "put":
      case "delete":
        this.#change(operation);
        break;
      case "batch":
        for (const change of operation.changes) this.#change(change);
        break;
    }
    if (this.#chance(0.5)) this.#nextEntry();
    this.#position += 1;
    const revision = { index: this.#index, position: this.#position };
    return isPlaced ? { type: "write", revision } : { type: "write" };
  }

  #seen(isPlaced: boolean): { index?: number } {
    this.#nextEntry();
    return isPlaced ? { index: this.#index - 1 } : {};
  }

  /** What a read saw is all of an entry: no write joins it any more. */
  #nextEntry(): void {
    if (this.#position === -1) return;
    this.#index += 1;
    this.#position = -1;
  }

  #change(change: HistoryChange): void {
    if (change.type === "put") this.#state.set(change.key, change.value);
    else this.#state.delete(change.key);
  }

  #operation(): ForeignOperation {
    const key = this.#key();
    switch (this.#random.integer(0, this.#options.foreign ? 10 : 8)) {
      case 0:
      case 1:
      case 2:
        return { type: "get", key };
      case 3:
        return { type: "scan", from: "a", to: "z" };
      case 4:
        return { type: "scan", from: "a", to: this.#key(), limit: this.#random.integer(0, 3) };
      case 5:
        return { type: "batch", changes: [this.#makeChange(), this.#makeChange()] };
      case 8:
        return { type: "append", key, value: this.#value() };
      case 9:
        return { type: "compareAndSet", key, expected: this.#value(), value: this.#value() };
      default:
        return this.#makeChange();
    }
  }

  #makeChange(): HistoryChange {
    const key = this.#key();
    return this.#chance(0.25)
      ? { type: "delete", key }
      : { type: "put", key, value: this.#value() };
  }

  #key(): string {
    return String.fromCharCode(97 + this.#random.integer(0, this.#options.keys));
  }

  #value(): string {
    const { values } = this.#options;
    return values === Infinity ? `v${(this.#values += 1)}` : `v${this.#random.integer(0, values)}`;
  }

  #freeProcess(): number | undefined {
    for (let process = 0; process < this.#options.processes; process += 1) {
      if (!this.#running.some((one) => one.process === process)) return process;
    }
    return undefined;
  }

  #pick(list: readonly Running[]): Running | undefined {
    return list[this.#random.integer(0, Math.max(1, list.length))];
  }

  #chance(share: number): boolean {
    return this.#random.integer(0, 1000) < share * 1000;
  }
}

/** Changes what one operation was told, or when: it may be linearizable still. */
export function mutated(
  random: Random,
  events: readonly HistoryEvent<ForeignOperation>[],
): HistoryEvent<ForeignOperation>[] {
  const changed = [...events];
  const at = random.integer(0, Math.max(1, changed.length));
  const event = changed[at];
  if (event?.type === "ok") {
    changed[at] = { ...event, result: mutatedResult(random, event.result) };
    return changed;
  }
  // Two neighbours change places, unless they belong to one operation.
  const next = changed[at + 1];
  if (event !== undefined && next !== undefined && event.process !== next.process) {
    changed[at] = next;
    changed[at + 1] = event;
  }
  return changed;
}

function mutatedResult(random: Random, result: HistoryResult): HistoryResult {
  const shift = random.integer(0, 2) === 0 ? 1 : -1;
  const value = random.integer(0, 4) === 0 ? null : `v${random.integer(0, 6)}`;
  switch (result.type) {
    case "write": {
      if (result.revision === undefined) return result;
      const { index, position } = result.revision;
      return { type: "write", revision: { index: Math.max(0, index + shift), position } };
    }
    case "get":
      if (result.index !== undefined && random.integer(0, 3) === 0) {
        return { ...result, index: Math.max(0, result.index + shift) };
      }
      return { ...result, value };
    case "scan": {
      const at = random.integer(0, result.entries.length + 1);
      const entries = result.entries.filter((_, index) => index !== at);
      if (at === result.entries.length && value !== null) {
        return { ...result, entries: [...entries.slice(0, -1), ["b", value]] };
      }
      return { ...result, entries };
    }
  }
}
