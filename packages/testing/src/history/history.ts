/** Where a write stands: the index of its log entry, and the place of its command in it. Ordered by index, then position. */
export interface HistoryRevision {
  readonly index: number;
  readonly position: number;
}

/** One change of one key. */
export type HistoryChange =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "delete"; readonly key: string };

/** What a client asked for. */
export type HistoryOperation =
  | HistoryChange
  | { readonly type: "get"; readonly key: string }
  /** All of it or nothing, in order. */
  | { readonly type: "batch"; readonly changes: readonly HistoryChange[] }
  /** Keys in `[from, to)` in order of their code units; at most `limit` where given. */
  | { readonly type: "scan"; readonly from: string; readonly to: string; readonly limit?: number };

/** What it was told. */
export type HistoryResult =
  | { readonly type: "write"; readonly revision?: HistoryRevision }
  /** `index`: the read saw exactly the entries up to it. */
  | { readonly type: "get"; readonly value: string | null; readonly index?: number }
  | {
      readonly type: "scan";
      readonly entries: readonly (readonly [key: string, value: string])[];
      readonly index?: number;
    };

/** What histories of others also hold: see {@link HistoryOperation}. */
export type ForeignOperation =
  | HistoryOperation
  /** Puts `value` behind what the key holds. */
  | { readonly type: "append"; readonly key: string; readonly value: string }
  /** Puts `value` where the key holds `expected`; otherwise it fails. */
  | {
      readonly type: "compareAndSet";
      readonly key: string;
      readonly expected: string | null;
      readonly value: string;
    };

/**
 * One line of a recorded history (docs: packages/testing/README.md, "Histories"): an operation begins, or ends.
 *
 * - `ok`: it took effect between its two lines, and answered `result`;
 * - `fail`: it had no effect, and never will;
 * - `unknown`: it may have taken effect at any time after it began, or never. So may one without an end.
 *
 * A process has one operation at a time; after `unknown` it may go on.
 */
export type HistoryEvent<Operation = HistoryOperation> =
  | {
      readonly type: "invoke";
      readonly id: number;
      readonly process: number;
      /** Milliseconds; only the order of the lines counts. */
      readonly time: number;
      readonly operation: Operation;
    }
  | {
      readonly type: "ok";
      readonly id: number;
      readonly process: number;
      readonly time: number;
      readonly result: HistoryResult;
    }
  | {
      readonly type: "fail" | "unknown";
      readonly id: number;
      readonly process: number;
      readonly time: number;
      /** Why, for people. */
      readonly reason?: string;
    };

/** The first line of a history file; every other line is one {@link HistoryEvent} as JSON. */
export const HISTORY_HEADER = '{"format":"holdfast-history/1"}';
