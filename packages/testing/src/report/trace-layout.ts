import type { TraceEvent } from "../trace/trace.ts";

export const ROW_HEIGHT = 18;
export const TIME_WIDTH = 92;
const LANE_WIDTH = 104;
const TOP = 12;
/** Rows further apart than this in time get a gap. */
const QUIET_MS = 20;
const GAP_HEIGHT = 22;
/** Below the last row: for what arrives later. */
const TAIL = 40;

/** A stretch in which nothing happened. */
export interface Gap {
  readonly y: number;
  readonly ms: number;
}

/**
 * Where things are on the page. Each event has a row, so that no two texts overlap; what arrives in between stands in between, in proportion. Time
 * therefore runs down unevenly, and long silences are named.
 */
export class TraceLayout {
  readonly gaps: readonly Gap[];
  readonly height: number;
  readonly textX: number;
  readonly #lanes: ReadonlyMap<number, number>;
  readonly #times: readonly number[];
  readonly #rows: readonly number[];

  constructor(events: readonly TraceEvent[], nodes: readonly number[]) {
    this.#lanes = new Map(
      nodes.map((node, place) => [node, TIME_WIDTH + LANE_WIDTH * (place + 0.5)]),
    );
    this.textX = TIME_WIDTH + LANE_WIDTH * nodes.length + 12;
    this.#times = events.map(({ at }) => at);
    const gaps: Gap[] = [];
    const rows: number[] = [];
    let y = TOP;
    for (const [place, { at }] of events.entries()) {
      const quietMs = at - (events[place - 1]?.at ?? at);
      if (quietMs > QUIET_MS) {
        gaps.push({ y: y + GAP_HEIGHT / 2, ms: quietMs });
        y += GAP_HEIGHT;
      }
      rows.push(y + ROW_HEIGHT / 2);
      y += ROW_HEIGHT;
    }
    this.gaps = gaps;
    this.#rows = rows;
    this.height = y + TAIL;
  }

  /** The middle of a node's lane; `undefined` when it has none. */
  lane(node: number): number | undefined {
    return this.#lanes.get(node);
  }

  /** The middle of the row of an event. Before the first: the top; behind the last: the bottom. */
  row(place: number): number {
    return place < 0 ? 0 : (this.#rows[place] ?? this.height);
  }

  /** Where something is that happens at `time`, which is at or after the event at `place`. */
  at(time: number, place: number): number {
    let next = place + 1;
    while (next < this.#times.length && (this.#times[next] ?? 0) <= time) next += 1;
    const [before, after] = [this.#times[next - 1] ?? 0, this.#times[next]];
    const top = this.row(next - 1);
    if (after === undefined) return Math.min(top + ROW_HEIGHT, this.height - 4);
    return top + ((time - before) / (after - before)) * (this.row(next) - top);
  }
}
