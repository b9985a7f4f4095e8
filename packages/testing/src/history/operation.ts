import type { ForeignOperation, HistoryEvent, HistoryResult } from "./history.ts";
import { HistoryError, type HistoryPlace } from "./history-error.ts";

/** One operation of a history: its two lines brought together. */
export interface RecordedOperation {
  readonly id: number;
  readonly process: number;
  readonly operation: ForeignOperation;
  /** The place of its first line among the events. */
  readonly call: number;
  /** The place of its last line. `Infinity`: its outcome is unknown, so that it stays open to the end. */
  readonly end: number;
  /** `undefined`: unknown. */
  readonly result: HistoryResult | undefined;
  readonly callTime: number;
  readonly endTime: number | undefined;
}

/** What {@link pairOperations} finds. */
export interface PairedOperations {
  /** Those that took effect, or may have, in the order in which they began. */
  readonly operations: readonly RecordedOperation[];
  /** Those that had no effect. */
  readonly failed: readonly RecordedOperation[];
}

/** An operation whose end has not come yet. */
type Open = { -readonly [Key in keyof RecordedOperation]: RecordedOperation[Key] };

/** Brings the two lines of each operation together. Throws a {@link HistoryError} where they do not fit. */
export function pairOperations(
  events: readonly HistoryEvent<ForeignOperation>[],
  placeOf: (event: number) => HistoryPlace | undefined = () => undefined,
): PairedOperations {
  const byId = new Map<number, Open>();
  const openOf = new Map<number, Open>();
  const failed = new Set<Open>();
  for (const [index, event] of events.entries()) {
    const refuse = (problem: string): HistoryError =>
      new HistoryError("SEQUENCE", `${problem} (event ${index})`, placeOf(index));
    if (event.type === "invoke") {
      const open = begun(event, index);
      if (byId.has(event.id)) throw refuse(`operation (${event.id}) begins twice`);
      if (openOf.has(event.process)) {
        throw refuse(`process (${event.process}) begins an operation while one is open`);
      }
      byId.set(event.id, open);
      openOf.set(event.process, open);
      continue;
    }
    const open = openOf.get(event.process);
    if (open?.id !== event.id) {
      throw refuse(
        `answer to an operation (${event.id}) that process (${event.process}) has not open`,
      );
    }
    openOf.delete(event.process);
    open.endTime = event.time;
    if (event.type === "fail") {
      open.end = index;
      failed.add(open);
    }
    if (event.type !== "ok") continue;
    if (event.result.type !== resultTypeOf(open.operation)) {
      throw refuse(
        `a ${open.operation.type} answered with a result of type (${event.result.type})`,
      );
    }
    open.end = index;
    open.result = event.result;
  }
  const all = [...byId.values()];
  return { operations: all.filter((one) => !failed.has(one)), failed: [...failed] };
}

function begun(
  event: Extract<HistoryEvent<ForeignOperation>, { type: "invoke" }>,
  call: number,
): Open {
  const { id, process, operation, time } = event;
  return {
    id,
    process,
    operation,
    call,
    end: Infinity,
    result: undefined,
    callTime: time,
    endTime: undefined,
  };
}

function resultTypeOf({ type }: ForeignOperation): HistoryResult["type"] {
  return type === "get" || type === "scan" ? type : "write";
}
