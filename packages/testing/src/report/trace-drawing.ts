import type { TraceEvent } from "../trace/trace.ts";
import { escapeText } from "./escape.ts";
import { lanePhases } from "./lane-state.ts";
import { ROW_HEIGHT, TIME_WIDTH, type TraceLayout } from "./trace-layout.ts";

/** What a message is about: its colour. */
export type MessageClass = "append" | "vote" | "beat" | "snapshot" | "other";

const BAR_WIDTH = 10;
/** Longer texts are cut; hovering shows all. */
const MAX_TEXT = 150;

/** The lanes and what every node was when. */
export function drawLanes(
  events: readonly TraceEvent[],
  nodes: readonly number[],
  layout: TraceLayout,
): string {
  const lanes = nodes.map((node) => drawLane(events, node, layout));
  const gaps = layout.gaps.map(
    ({ y, ms }) =>
      `<text class="gap" x="${TIME_WIDTH / 2}" y="${px(y + 4)}">⋮ ${ms.toFixed(0)} ms</text>`,
  );
  return [...lanes, ...gaps].join("\n");
}

function drawLane(events: readonly TraceEvent[], node: number, layout: TraceLayout): string {
  const x = layout.lane(node) ?? 0;
  const parts = [`<line class="lane" x1="${px(x)}" x2="${px(x)}" y1="0" y2="${layout.height}"/>`];
  for (const { state, from, to, term } of lanePhases(events, node)) {
    const [top, bottom] = [layout.row(from), layout.row(to)];
    const title = term === undefined ? state : `${state} in term ${term}`;
    parts.push(
      `<rect class="phase ${state}" x="${px(x - BAR_WIDTH / 2)}" y="${px(top)}" width="${BAR_WIDTH}" height="${px(bottom - top)}" rx="2"><title>node ${node}: ${title}</title></rect>`,
    );
  }
  return parts.join("");
}

/** The row of one event, with its arrow or mark. */
export function drawEvent(event: TraceEvent, place: number, layout: TraceLayout): string {
  const y = layout.row(place);
  const text = rowText(event);
  const width = layout.textX + 8.0 * MAX_TEXT;
  return [
    `<g class="event ${event.kind}"><title>${escapeText(`${event.at.toFixed(3)} ms  ${text}`)}</title>`,
    `<rect class="hit" x="0" y="${px(y - ROW_HEIGHT / 2)}" width="${px(width)}" height="${ROW_HEIGHT}"/>`,
    `<text class="time" x="${TIME_WIDTH - 22}" y="${px(y + 4)}">${event.at.toFixed(2)}</text>`,
    drawFigure(event, place, layout),
    `<text x="${layout.textX}" y="${px(y + 4)}">${escapeText(shortened(text))}</text>`,
    "</g>",
  ].join("");
}

function rowText({ kind, node, to, text, arrivesAt }: TraceEvent): string {
  switch (kind) {
    case "message": {
      const fate = arrivesAt === undefined ? "  LOST" : arrivesAt === Infinity ? "  WAITS" : "";
      return `${node ?? "?"}→${to ?? "?"}  ${text}${fate}`;
    }
    case "check":
      return `✗ ${text}`;
    case "fault":
    case "node":
    case "client":
    case "disk":
      return node === undefined ? text : `${node}: ${text}`;
  }
}

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

function drawFigure(event: TraceEvent, place: number, layout: TraceLayout): string {
  const y = layout.row(place);
  const x = event.node === undefined ? undefined : layout.lane(event.node);
  if (event.kind === "message") return drawMessage(event, place, layout);
  if (x !== undefined) return drawMark(event.kind, x, y);
  if (event.kind !== "fault") return "";
  const end = layout.textX - 12;
  return `<line class="fault-line" x1="${TIME_WIDTH}" x2="${px(end)}" y1="${px(y)}" y2="${px(y)}"/>`;
}

/** A bolt for faults, a square for disks, a dot for all else. */
function drawMark(kind: TraceEvent["kind"], x: number, y: number): string {
  if (kind === "fault") {
    return `<polygon class="mark" points="${px(x + 3)},${px(y - 9)} ${px(x - 6)},${px(y + 2)} ${px(x - 1)},${px(y + 2)} ${px(x - 3)},${px(y + 9)} ${px(x + 6)},${px(y - 2)} ${px(x + 1)},${px(y - 2)}"/>`;
  }
  if (kind === "disk") {
    return `<rect class="mark" x="${px(x - 5)}" y="${px(y - 5)}" width="10" height="10"/>`;
  }
  return `<circle class="mark" cx="${px(x)}" cy="${px(y)}" r="4.5"/>`;
}

function drawMessage(event: TraceEvent, place: number, layout: TraceLayout): string {
  const from = event.node === undefined ? undefined : layout.lane(event.node);
  const to = event.to === undefined ? undefined : layout.lane(event.to);
  if (from === undefined || to === undefined) return "";
  const y = layout.row(place);
  const colour = messageClass(event.text);
  const direction = to > from ? 1 : -1;
  const start = from + (direction * BAR_WIDTH) / 2;
  const { arrivesAt } = event;
  if (arrivesAt === undefined || arrivesAt === Infinity) {
    const x = start + (to - start) * 0.55;
    const down = y + ROW_HEIGHT * 0.45;
    const style = arrivesAt === undefined ? "lost" : "waits";
    const path = `<line class="${colour} ${style}" x1="${px(start)}" y1="${px(y)}" x2="${px(x)}" y2="${px(down)}"/>`;
    return path + (arrivesAt === undefined ? cross(x, down) : bars(x, down));
  }
  const end = to - (direction * BAR_WIDTH) / 2;
  const below = Math.max(layout.at(arrivesAt, place), y + 3);
  return `<line class="${colour}" x1="${px(start)}" y1="${px(y)}" x2="${px(end - 4 * direction)}" y2="${px(below)}"/>${arrowHead(colour, start, y, end, below)}`;
}

function arrowHead(colour: MessageClass, x1: number, y1: number, x2: number, y2: number): string {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const point = (distance: number, turn: number): string =>
    `${px(x2 - distance * Math.cos(angle + turn))},${px(y2 - distance * Math.sin(angle + turn))}`;
  return `<polygon class="arrow ${colour}" points="${px(x2)},${px(y2)} ${point(8, 0.42)} ${point(8, -0.42)}"/>`;
}

function cross(x: number, y: number): string {
  return `<path class="end" d="M${px(x - 4)} ${px(y - 4)}l8 8m0 -8l-8 8"/>`;
}

function bars(x: number, y: number): string {
  return `<path class="end" d="M${px(x - 2)} ${px(y - 5)}v10m5 -10v10"/>`;
}

function messageClass(text: string): MessageClass {
  if (/^Heartbeat/.test(text)) return "beat";
  if (/^(AppendEntries|Propose)/.test(text)) return "append";
  if (/^(RequestVote|PreVote|TimeoutNow)/.test(text)) return "vote";
  return /^(InstallSnapshot|snapshot)/.test(text) ? "snapshot" : "other";
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
