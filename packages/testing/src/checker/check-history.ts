import type { ForeignOperation, HistoryEvent } from "../history/history.ts";
import { HistoryError, type HistoryPlace } from "../history/history-error.ts";
import { pairOperations, type RecordedOperation } from "../history/operation.ts";
import { partition } from "./partition.ts";
import { replayRevisions, type RevisionViolation } from "./revision-replay.ts";
import { PartitionSearch, type PartitionWindow } from "./window.ts";

/**
 * What the operations mean:
 *
 * - `register`: each key is a register of its own, with reads, writes and compare-and-set;
 * - `kv`: a map from text to text, with deletes, appends, atomic batches and scans as well.
 */
export type HistoryModel = "register" | "kv";

/** How {@link checkHistory} is to judge. */
export interface CheckHistoryOptions {
  /** @defaultValue `"kv"` */
  readonly model?: HistoryModel;
  /** What a read of a key says that was never written. @defaultValue `null` */
  readonly missing?: string | null;
  /** So many points of the search may be visited, which bounds its time and its memory; more than that is `undecided`. @defaultValue 2_000_000 */
  readonly maxSteps?: number;
  /** Where an event was read, for the messages of errors. */
  readonly placeOf?: (event: number) => HistoryPlace | undefined;
}

/** Events that cannot be explained by any order of the operations, as few of them as possible. */
export interface HistoryWindow {
  /** In one sentence. */
  readonly reason: string;
  /** The first and the last event, by their places in the history. */
  readonly from: number;
  readonly to: number;
  /** The operations that were open or began in it, by their ids, in the order in which they began. */
  readonly operations: readonly number[];
  /** Those of them that contradict each other: without any one of these there would be an explanation. */
  readonly essential: readonly number[];
  /** One order, by their ids, that explains all of its part of the history but what had to take effect at the end; empty where revisions say the order. */
  readonly order: readonly number[];
  /** Some of the states that were possible when the last operation had to have taken effect. */
  readonly states: readonly string[];
}

/** The verdict on a history. */
export interface HistoryVerdict {
  readonly verdict: "linearizable" | "not-linearizable" | "undecided";
  /** Given exactly if it is not linearizable. */
  readonly window?: HistoryWindow;
}

const DEFAULT_MAX_STEPS = 2_000_000;

/** What finding the window of a history may cost that has its verdict already. */
const WINDOW_STEPS = 300_000;

/**
 * Whether there is an order of the operations, each between its beginning and its end, that explains every result (Herlihy and Wing, "Linearizability").
 * Judged twice: by a search for such an order, which needs nothing but the results; and, as far as results carry revisions and indexes, by replaying
 * the writes in the order which those claim. A history that contradicts its own revisions is not linearizable. Throws a {@link HistoryError} for what is no history.
 */
export function checkHistory(
  events: readonly HistoryEvent<ForeignOperation>[],
  options: CheckHistoryOptions = {},
): HistoryVerdict {
  const { model = "kv", missing = null, maxSteps = DEFAULT_MAX_STEPS, placeOf } = options;
  const { operations, failed } = pairOperations(events, placeOf);
  for (const { operation, call } of [...operations, ...failed]) {
    if (isOf(model, operation)) continue;
    const problem = `model (${model}) has no operation (${operation.type}) (event ${call})`;
    throw new HistoryError("MODEL", problem, placeOf?.(call));
  }
  const replay = replayRevisions(operations, failed);
  if (replay.violation !== undefined) {
    return { verdict: "not-linearizable", window: windowOfReplay(replay.violation) };
  }
  const searched = searchAll(operations, missing, { steps: maxSteps });
  // A replay that explains everything has found an order, however many others a search would have to look at.
  if (searched.verdict === "undecided" && replay.explainsAll) return { verdict: "linearizable" };
  return searched;
}

function searchAll(
  operations: readonly RecordedOperation[],
  missing: string | null,
  budget: { steps: number },
): HistoryVerdict {
  const windows: PartitionWindow[] = [];
  let isDecided = true;
  for (const part of partition(operations)) {
    const partitionSearch = new PartitionSearch(part, missing);
    const result = partitionSearch.run(budget);
    if (result.type === "exhausted") isDecided = false;
    if (result.type !== "impossible") continue;
    windows.push(partitionSearch.window({ steps: WINDOW_STEPS }));
  }
  const [shortest] = windows.sort((a, b) => a.operations.length - b.operations.length);
  if (shortest !== undefined) {
    return { verdict: "not-linearizable", window: windowOfSearch(shortest) };
  }
  return { verdict: isDecided ? "linearizable" : "undecided" };
}

function windowOfSearch(window: PartitionWindow): HistoryWindow {
  const { from, to, operations, essential, order, states } = window;
  return {
    reason: "no order of these operations explains their results",
    from,
    to,
    operations: operations.map(({ id }) => id),
    essential: [...essential],
    order,
    states,
  };
}

function windowOfReplay({ reason, operations, states }: RevisionViolation): HistoryWindow {
  const ordered = [...operations].sort((a, b) => a.call - b.call);
  const ends = ordered.map(({ call, end }) => (end === Infinity ? call : end));
  const ids = ordered.map(({ id }) => id);
  return {
    reason,
    from: ordered[0]?.call ?? 0,
    to: Math.max(...ends),
    operations: ids,
    essential: ids,
    order: [],
    states,
  };
}

function isOf(model: HistoryModel, { type }: ForeignOperation): boolean {
  return model === "kv" || type === "get" || type === "put" || type === "compareAndSet";
}
