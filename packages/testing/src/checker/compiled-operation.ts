import type { HistoryChange } from "../history/history.ts";
import type { RecordedOperation } from "../history/operation.ts";
import { isWellFormedScan, seenBy } from "./observations.ts";
import type { Partition } from "./partition.ts";
import { MISSING, type Values } from "./values.ts";

/** A key of the partition, by its place among them, and a value, by its number. */
export interface Cell {
  readonly slot: number;
  readonly value: number;
}

/** What an operation does to a key of its partition. */
export type Effect =
  | { readonly type: "set"; readonly slot: number; readonly value: number }
  | { readonly type: "append"; readonly slot: number; readonly text: string };

/** An operation as the search sees it: possible exactly in states that hold what it expects, which it then changes. */
export interface CompiledOperation {
  readonly recorded: RecordedOperation;
  readonly call: number;
  /** Up to here it must have taken effect. `Infinity`: it may, or not. */
  readonly end: number;
  readonly expects: readonly Cell[];
  /** At most one for each slot. */
  readonly effects: readonly Effect[];
  /** A result that no state at all could give. */
  readonly isImpossible: boolean;
}

/** Numbers the keys and values of a partition. What can neither see nor change anything is left out. */
export function compilePartition(
  { keys, operations }: Partition,
  values: Values,
): CompiledOperation[] {
  const slots = new Map(keys.map((key, slot) => [key, slot]));
  const slotOf = (key: string): number => slots.get(key) ?? -1;
  const compiled = operations.map((recorded) => ({
    recorded,
    call: recorded.call,
    end: recorded.end,
    ...meaningOf(recorded, keys, slotOf, values),
  }));
  return compiled.filter(({ effects, end }) => effects.length > 0 || end !== Infinity);
}

type Meaning = Pick<CompiledOperation, "expects" | "effects" | "isImpossible">;

function meaningOf(
  recorded: RecordedOperation,
  keys: readonly string[],
  slotOf: (key: string) => number,
  values: Values,
): Meaning {
  const { operation } = recorded;
  const change = (changes: readonly HistoryChange[]): Meaning => {
    // The last change of a key is the one that shows.
    const last = new Map(changes.map((one) => [slotOf(one.key), one]));
    const effects = [...last].map(([slot, one]): Effect => {
      return { type: "set", slot, value: one.type === "put" ? values.number(one.value) : MISSING };
    });
    return { expects: [], effects, isImpossible: false };
  };
  switch (operation.type) {
    case "put":
    case "delete":
      return change([operation]);
    case "batch":
      return change(operation.changes);
    case "append": {
      const slot = slotOf(operation.key);
      const effects = [{ type: "append", slot, text: operation.value } as const];
      return { expects: [], effects, isImpossible: false };
    }
    case "compareAndSet": {
      const slot = slotOf(operation.key);
      return {
        expects: [{ slot, value: values.number(operation.expected) }],
        effects: [{ type: "set", slot, value: values.number(operation.value) }],
        isImpossible: false,
      };
    }
    case "get":
    case "scan": {
      const expects: Cell[] = seenBy(recorded, keys).map(([key, value]) => {
        return { slot: slotOf(key), value: values.number(value) };
      });
      return { expects, effects: [], isImpossible: !isWellFormedScan(recorded) };
    }
  }
}
