import type { TraceEvent } from "../trace/trace.ts";
import { escapeText } from "./escape.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { drawEvent, drawLanes } from "./trace-drawing.ts";
import { TraceLayout } from "./trace-layout.ts";

/** What {@link renderTrace} must know beside the events. */
export interface TraceReportOptions {
  readonly title: string;
  /** In the order of their lanes. */
  readonly nodes: readonly number[];
  /** What was violated. */
  readonly invariant?: string;
}

const STATES = ["follower", "preCandidate", "candidate", "leader", "down", "failed"] as const;
const MESSAGES = [
  ["append", "entries"],
  ["vote", "elections"],
  ["beat", "heartbeats"],
  ["snapshot", "snapshots"],
  ["other", "other messages"],
] as const;

/** A page that shows a trace by itself: time runs down, nodes are lanes, messages are arrows between them. */
export function renderTrace(events: readonly TraceEvent[], options: TraceReportOptions): string {
  const { title, nodes, invariant } = options;
  const layout = new TraceLayout(events, nodes);
  const width = layout.textX + 1_240;
  const violated =
    invariant === undefined ? "" : `<p class="violated"><b>✗</b> ${escapeText(invariant)}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeText(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escapeText(title)}</h1>
${violated}
${legend()}
</header>
<div class="heads"><svg width="${width}" height="24">${heads(nodes, layout)}</svg></div>
<svg width="${width}" height="${layout.height}">
${drawLanes(events, nodes, layout)}
${events.map((event, place) => drawEvent(event, place, layout)).join("\n")}
</svg>
</body>
</html>
`;
}

function heads(nodes: readonly number[], layout: TraceLayout): string {
  return nodes
    .map((node) => `<text x="${layout.lane(node) ?? 0}" y="17">node ${node}</text>`)
    .join("");
}

function legend(): string {
  const states = STATES.map((state) => `<span><i class="${state}"></i>${state}</span>`);
  const messages = MESSAGES.map(
    ([name, text]) => `<span><i class="stroke ${name}"></i>${text}</span>`,
  );
  const rest = "<span>✕ lost</span><span>‖ waits for a cut to heal</span><span>times in ms</span>";
  return `<div class="legend">${states.join("")}${messages.join("")}${rest}</div>`;
}
