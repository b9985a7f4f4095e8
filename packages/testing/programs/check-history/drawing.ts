import type { HistoryVerdict, HistoryWindow, ParsedHistory } from "@holdfast/testing/history";
import { type ShownOperation, shownOperations } from "./operations.ts";

/** Pixels. */
const LANE_HEIGHT = 34;
const BAR_HEIGHT = 24;
const LEFT = 96;
const TOP = 34;
/** For one event, wider where there are few: in a window there must be room to read, of all of a history only to see it. */
const WINDOW_STEP = 56;
const HISTORY_STEP = 9;
const MIN_WIDTH = 1100;
/** So many events around the window are drawn as well. */
const MARGIN_EVENTS = 12;
/** Of a history without a window so many events are drawn. */
const MAX_EVENTS = 2_000;

/** What is drawn of a history. */
interface Picture {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly lanes: readonly number[];
  readonly window: HistoryWindow | undefined;
}

/** A page that needs nothing else: processes as lanes, operations as bars from their beginning to their end, the window marked. */
export function drawHistory(
  name: string,
  history: ParsedHistory,
  { verdict, window }: HistoryVerdict,
): string {
  const all = [...shownOperations(history).values()];
  const last = history.events.length - 1;
  const from = Math.max(0, window === undefined ? 0 : window.from - MARGIN_EVENTS);
  const end = window === undefined ? MAX_EVENTS : window.to + MARGIN_EVENTS;
  const to = Math.min(last, end);
  const involved = new Set(window?.operations);
  const operations = all.filter(
    (one) => one.from <= to && ((one.to ?? last) >= from || involved.has(one.id)),
  );
  // An operation without an end that nobody has to explain would only be a line across the picture.
  const drawn = operations.filter((one) => {
    return one.from >= from || one.outcome !== "unknown" || involved.has(one.id);
  });
  const lanes = [...new Set(drawn.map(({ process }) => process))].sort((a, b) => a - b);
  const minStep = window === undefined ? HISTORY_STEP : WINDOW_STEP;
  const step = Math.max(minStep, MIN_WIDTH / (to - from + 2));
  const picture = { from, to, step, lanes, window };
  const part = `events ${from} to ${to} of ${history.events.length}`;
  const title = `${name}: ${verdict.replace("-", " ")}`;
  return page(title, part, svg(picture, drawn), window, drawn);
}

function svg(picture: Picture, operations: readonly ShownOperation[]): string {
  const { lanes, from, to, step, window } = picture;
  const width = LEFT + (to - from + 2) * step;
  const height = TOP + lanes.length * LANE_HEIGHT + 10;
  const parts: string[] = [];
  if (window !== undefined) {
    const x = xOf(picture, window.from) - step / 2;
    const wide = (window.to - window.from + 1) * step;
    parts.push(`<rect class="window" x="${x}" y="0" width="${wide}" height="${height}"/>`);
    parts.push(`<text class="caption" x="${x + 4}" y="16">cannot be explained</text>`);
  }
  for (const [lane, process] of lanes.entries()) {
    const y = TOP + lane * LANE_HEIGHT + LANE_HEIGHT / 2;
    parts.push(`<line class="lane" x1="${LEFT - 8}" x2="${width}" y1="${y}" y2="${y}"/>`);
    parts.push(`<text class="name" x="8" y="${y + 4}">process ${process}</text>`);
  }
  for (const one of operations) parts.push(bar(picture, one));
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${parts.join("\n")}</svg>`;
}

function bar(picture: Picture, one: ShownOperation): string {
  const { lanes, from, to, step, window } = picture;
  const first = Math.max(one.from, from);
  // Where its process goes on, the next operation has the place.
  const last = Math.min(one.to ?? to + 1, to + 1);
  const x = xOf(picture, first);
  const width = Math.max(step * 0.8, (last - first) * step - 2);
  const y = TOP + lanes.indexOf(one.process) * LANE_HEIGHT + (LANE_HEIGHT - BAR_HEIGHT) / 2;
  const isEssential = window?.essential.includes(one.id) === true;
  const order = window?.order.indexOf(one.id) ?? -1;
  const place = order === -1 ? "" : `${order + 1}. `;
  const label = `${place}${one.text}`;
  const names = ["bar", one.outcome, isEssential ? "essential" : ""].join(" ").trim();
  const title = `#${one.id} process ${one.process}, ${one.when}: ${one.text} (${one.outcome})`;
  return [
    `<g class="${names}"><title>${escape(title)}</title>`,
    `<rect x="${x}" y="${y}" width="${width}" height="${BAR_HEIGHT}" rx="4"/>`,
    `<svg x="${x}" y="${y}" width="${width}" height="${BAR_HEIGHT}"><text x="5" y="16">${escape(label)}</text></svg></g>`,
  ].join("");
}

function xOf({ from, step }: Picture, event: number): number {
  return LEFT + (event - from + 0.5) * step;
}

function explanation(window: HistoryWindow, operations: readonly ShownOperation[]): string {
  const byId = new Map(operations.map((one) => [one.id, one]));
  const row = (id: number): string => {
    const one = byId.get(id);
    if (one === undefined) return "";
    const order = window.order.indexOf(id);
    const cells = [one.process.toString(), one.when, one.text, one.outcome];
    const place = order === -1 ? "" : (order + 1).toString();
    const name = window.essential.includes(id) ? ' class="essential"' : "";
    return `<tr${name}>${[...cells, place].map((cell) => `<td>${escape(cell)}</td>`).join("")}</tr>`;
  };
  const states = window.states.map((state) => `<li><code>${escape(state)}</code></li>`);
  return [
    `<p><strong>${escape(window.reason)}.</strong> Without any one of those in red there would be an explanation.</p>`,
    "<table><tr><th>process<th>when<th>operation<th>outcome<th>place in one order</tr>",
    ...window.operations.map(row),
    "</table>",
    states.length === 0
      ? ""
      : `<p>Possible states when the last one had to have taken effect:</p><ul>${states.join("")}</ul>`,
  ].join("\n");
}

function page(
  title: string,
  part: string,
  drawing: string,
  window: HistoryWindow | undefined,
  operations: readonly ShownOperation[],
): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escape(title)}</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 24px; color: #1c2733; background: #fff; }
h1 { font-size: 20px; margin: 0 0 4px; }
p.note { color: #5b6b7b; margin: 0 0 16px; }
.scroll { overflow-x: auto; border: 1px solid #d5dde5; border-radius: 6px; }
svg text { font: 12px ui-monospace, monospace; fill: #1c2733; }
svg text.name { fill: #5b6b7b; }
svg text.caption { fill: #a35200; }
.lane { stroke: #e4e9ee; }
.window { fill: #fff1dc; }
.bar rect { fill: #cfe3f7; stroke: #6f9fcf; }
.bar.unknown rect { fill: #f1f3f5; stroke: #8795a3; stroke-dasharray: 4 3; }
.bar.fail rect { fill: #fff; stroke: #b8c2cc; }
.bar.fail text { fill: #8795a3; }
.bar.essential rect { fill: #ffd3cf; stroke: #c62f22; stroke-width: 2; }
table { border-collapse: collapse; margin: 12px 0; }
th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid #e4e9ee; }
td { font: 13px ui-monospace, monospace; }
tr.essential td { color: #b3261e; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
</style>
<h1>${escape(title)}</h1>
<p class="note">${escape(part)}. A lane is a process, a bar an operation from its first to its last line; dashed: outcome unknown; hollow: failed. The numbers are one order that explains what came before. Point at a bar for all of it.</p>
<div class="scroll">${drawing}</div>
${window === undefined ? "" : explanation(window, operations)}
<script>
const mark = document.querySelector(".window");
if (mark !== null) document.querySelector(".scroll").scrollLeft = mark.getAttribute("x") - 160;
</script>
</html>
`;
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
