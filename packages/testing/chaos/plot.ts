import { type Happened, type Sample, SLOT_MS, successesPerSlot } from "./availability.ts";

/** What the plot shows. */
export interface PlotInput {
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly faults: readonly Happened[];
  readonly untilMs: number;
}

const WIDTH = 1_100;
const LEFT = 120;
const RIGHT = 20;
const TOP = 64;
const CURVE_HEIGHT = 220;
const LANE = 20;
const AXIS = 44;

/** Writes per second over time, the slots without any, and under them the faults: a lane for each kind. An SVG file. */
export function availabilityPlot({ title, samples, faults, untilMs }: PlotInput): string {
  const kinds = [...new Set(faults.map(({ kind }) => kind))];
  const lanesTop = TOP + CURVE_HEIGHT + 34;
  const height = lanesTop + kinds.length * LANE + AXIS;
  const x = (ms: number): number => LEFT + (ms / untilMs) * (WIDTH - LEFT - RIGHT);
  const slots = successesPerSlot(samples, untilMs);
  const parts = [
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 26, title, "start", 'font-size="15" font-weight="600" fill="#1a1a1a"'),
    text(LEFT, 46, "successful writes per second; red: 100 ms without one", "start"),
    ...shades(faults, x, lanesTop + kinds.length * LANE),
    ...curve(slots, x),
    ...gaps(slots, x),
    ...lanes(kinds, faults, x, lanesTop),
    ...timeAxis(untilMs, x, lanesTop + kinds.length * LANE),
  ];
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#555555">`;
  return `${[head, ...parts].join("\n")}\n</svg>\n`;
}

type Scale = (ms: number) => number;

/** Behind everything: where any fault is at work. */
function shades(faults: readonly Happened[], x: Scale, bottom: number): string[] {
  return faults.map(({ beginMs, endMs }) =>
    rect(x(beginMs), TOP, x(endMs) - x(beginMs), bottom - TOP, "#f3f1ec"),
  );
}

function curve(slots: readonly number[], x: Scale): string[] {
  // Several slots share a point where there are more of them than the eye can tell apart.
  const group = Math.max(1, Math.round(slots.length / 450));
  const points: { readonly at: number; readonly rate: number }[] = [];
  for (let i = 0; i < slots.length; i += group) {
    const some = slots.slice(i, i + group);
    const sum = some.reduce((total, one) => total + one, 0);
    points.push({
      at: (i + some.length / 2) * SLOT_MS,
      rate: (sum * 1_000) / (some.length * SLOT_MS),
    });
  }
  const top = roundUp(Math.max(1, ...points.map(({ rate }) => rate)));
  const y = (rate: number): number => TOP + CURVE_HEIGHT * (1 - rate / top);
  const path = points.map(({ at, rate }) => `${fixed(x(at))},${fixed(y(rate))}`).join(" ");
  const grid = [0, top / 2, top].flatMap((rate) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${fixed(y(rate))}" y2="${fixed(y(rate))}" stroke="#dddddd"/>`,
    text(LEFT - 8, y(rate) + 4, String(rate), "end"),
  ]);
  return [
    ...grid,
    `<polyline points="${path}" fill="none" stroke="#2f6f9f" stroke-width="1.5" stroke-linejoin="round"/>`,
  ];
}

/** Every run of slots without a successful write. */
function gaps(slots: readonly number[], x: Scale): string[] {
  const found: string[] = [];
  for (let i = 0; i < slots.length; i++) {
    const from = i;
    while (i < slots.length && slots[i] === 0) i++;
    if (i === from) continue;
    const width = Math.max(1, x(i * SLOT_MS) - x(from * SLOT_MS));
    found.push(rect(x(from * SLOT_MS), TOP + CURVE_HEIGHT + 8, width, 12, "#c0392b"));
  }
  return [text(LEFT - 8, TOP + CURVE_HEIGHT + 18, "no write", "end"), ...found];
}

const COLOURS = ["#8c6bb1", "#d98c21", "#3c8d5a", "#b0526e", "#4f7cac"];

function lanes(
  kinds: readonly string[],
  faults: readonly Happened[],
  x: Scale,
  top: number,
): string[] {
  return kinds.flatMap((kind, lane) => [
    text(LEFT - 8, top + lane * LANE + 13, kind, "end"),
    ...faults
      .filter((fault) => fault.kind === kind)
      .map(({ beginMs, endMs }) => {
        const colour = COLOURS[lane % COLOURS.length] ?? "#555555";
        const width = Math.max(2, x(endMs) - x(beginMs));
        return rect(x(beginMs), top + lane * LANE + 3, width, LANE - 6, colour);
      }),
  ]);
}

function timeAxis(untilMs: number, x: Scale, top: number): string[] {
  const step = [5, 10, 30, 60, 120, 300, 600, 1_800, 3_600].find((s) => untilMs / 1_000 / s <= 13);
  const labels: string[] = [];
  for (let s = 0; s * 1_000 <= untilMs; s += step ?? 7_200) {
    labels.push(
      `<line x1="${fixed(x(s * 1_000))}" x2="${fixed(x(s * 1_000))}" y1="${top}" y2="${top + 5}" stroke="#999999"/>`,
      text(x(s * 1_000), top + 20, `${s} s`, "middle"),
    );
  }
  return [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${top}" y2="${top}" stroke="#999999"/>`,
    ...labels,
  ];
}

function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" fill="${fill}"/>`;
}

function text(x: number, y: number, content: string, anchor: string, more = ""): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" ${more}>${escaped}</text>`;
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** The next round number that is not below. */
function roundUp(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((factor) => factor * unit).find((round) => round >= value) ??
    value
  );
}
