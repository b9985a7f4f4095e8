import type { ForeignOperation, HistoryEvent, HistoryResult } from "./history.ts";
import { HistoryError, type HistoryPlace } from "./history-error.ts";

/** The formats that can be read: our own, Jepsen's log, maps in EDN. */
export type HistoryFormat = "holdfast" | "jepsen" | "edn";

/** What was read from a file, and how it is to be judged unless somebody says otherwise. */
export interface ParsedHistory {
  readonly format: HistoryFormat;
  readonly events: readonly HistoryEvent<ForeignOperation>[];
  readonly model: "register" | "kv";
  /** What a read of a key says that was never written. */
  readonly missing: string | null;
  /** Where an event was read. */
  readonly placeOf: (event: number) => HistoryPlace | undefined;
}

/** A line of a format whose lines do not number their operations. */
export interface UnnumberedEvent {
  readonly type: HistoryEvent["type"];
  readonly process: number;
  readonly time: number;
  readonly place: HistoryPlace;
  /** What the line says that the operation is: all of it where it begins, at least its name where it ends. */
  readonly name: string;
  /** Given where it begins. */
  readonly operation: ForeignOperation | undefined;
  /** Given where it ends well. */
  readonly result: HistoryResult | undefined;
}

/** Numbers the operations of a foreign history. */
export class EventBuilder {
  readonly #events: HistoryEvent<ForeignOperation>[] = [];
  readonly #places: HistoryPlace[] = [];
  readonly #open = new Map<number, { readonly id: number; readonly name: string }>();
  #lastId = 0;

  add({ type, process, time, place, name, operation, result }: UnnumberedEvent): void {
    if (type === "invoke") {
      if (this.#open.has(process)) {
        const problem = `process (${process}) begins an operation while one is open`;
        throw new HistoryError("SEQUENCE", problem, place);
      }
      if (operation === undefined) return;
      const id = (this.#lastId += 1);
      this.#open.set(process, { id, name });
      this.#push({ type, id, process, time, operation }, place);
      return;
    }
    const open = this.#open.get(process);
    if (open === undefined) {
      const problem = `answer to an operation that process (${process}) has not open`;
      throw new HistoryError("SEQUENCE", problem, place);
    }
    if (open.name !== name) {
      const problem = `process (${process}) has a (${open.name}) open, but this answers a (${name})`;
      throw new HistoryError("SEQUENCE", problem, place);
    }
    this.#open.delete(process);
    const { id } = open;
    if (type !== "ok") this.#push({ type, id, process, time }, place);
    else if (result !== undefined) this.#push({ type, id, process, time, result }, place);
  }

  parsed(format: HistoryFormat, defaults: Pick<ParsedHistory, "model" | "missing">): ParsedHistory {
    const places = this.#places;
    return { format, events: this.#events, ...defaults, placeOf: (event) => places[event] };
  }

  #push(event: HistoryEvent<ForeignOperation>, place: HistoryPlace): void {
    this.#events.push(event);
    this.#places.push(place);
  }
}

/** Jepsen's names for what becomes of an operation. */
export function eventTypeOf(type: string): HistoryEvent["type"] {
  return type === "invoke" || type === "ok" || type === "fail" ? type : "unknown";
}
