import { describe, expect, it } from "vitest";
import { renderTrace } from "../../src/report/html-report.ts";
import type { TraceEvent } from "../../src/trace/trace.ts";

const OPTIONS = { title: "Seed 7", nodes: [1, 2, 3] };
const heartbeat = { kind: "message", node: 1, to: 3, text: "Heartbeat term 2 commit 1" } as const;

/** The rows of a page, one for each event. */
function rows(events: readonly TraceEvent[]): string[] {
  return [...renderTrace(events, OPTIONS).matchAll(/<g class="event .*?<\/g>/g)].map(
    ([row]) => row,
  );
}

/** The numbers of this attribute, in the order of the page. */
function numbers(text: string, attribute: string): number[] {
  return [...text.matchAll(new RegExp(` ${attribute}="([\\d.]+)"`, "g"))].map(([, value]) =>
    Number(value),
  );
}

describe("renderTrace", () => {
  it("is one page that needs nothing from elsewhere, and runs nothing", () => {
    const page = renderTrace([{ at: 1, ...heartbeat, arrivesAt: 2 }], OPTIONS);
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|https?:|url\(|<link|<img/);
    for (const node of OPTIONS.nodes) expect(page).toContain(`>node ${node}<`);
  });

  it("shows what came from elsewhere as text", () => {
    const text = `client "a" <b>&c</b>`;
    const page = renderTrace([{ at: 1, kind: "client", text }], {
      ...OPTIONS,
      title: "<title>",
      invariant: "1 < 2",
    });
    expect(page).toContain("client &quot;a&quot; &lt;b&gt;&amp;c&lt;/b&gt;");
    expect(page).toContain("<h1>&lt;title&gt;</h1>");
    expect(page).toContain("1 &lt; 2");
    expect(page).not.toContain("<b>&c");
  });

  it("gives every event a row of its own, from the top down", () => {
    const events = Array.from({ length: 50 }, (_, place) => ({
      ...heartbeat,
      at: Math.floor(place / 5),
    }));
    const tops = rows(events).map((row) => numbers(row, "y")[0] ?? 0);
    expect(tops).toHaveLength(50);
    for (const [place, top] of tops.slice(1).entries()) {
      expect(top - (tops[place] ?? 0)).toBeGreaterThanOrEqual(18);
    }
  });

  it("points an arrow at when a message arrives, between the events before and after", () => {
    const [sent, before, after] = rows([
      { at: 10, ...heartbeat, arrivesAt: 13 },
      { at: 12, kind: "node", node: 2, text: "opened" },
      { at: 14, kind: "node", node: 2, text: "killed" },
    ]);
    const [from = 0, to = 0] = [numbers(sent ?? "", "x1")[0], numbers(sent ?? "", "x2")[0]];
    expect(to - from).toBeGreaterThan(150);
    const [arrival = 0] = numbers(sent ?? "", "y2");
    expect(arrival).toBeGreaterThan(numbers(before ?? "", "cy")[0] ?? Infinity);
    expect(arrival).toBeLessThan(numbers(after ?? "", "cy")[0] ?? 0);
  });

  it("ends what was lost in a cross, and what waits in two bars, on the way", () => {
    const [lost, waits, arrives] = rows([
      { at: 1, ...heartbeat },
      { at: 2, ...heartbeat, arrivesAt: Infinity },
      { at: 3, ...heartbeat, arrivesAt: 4 },
    ]);
    expect(lost).toMatch(/class="beat lost".*class="end".*LOST/);
    expect(waits).toMatch(/class="beat waits".*class="end".*WAITS/);
    expect(arrives).toMatch(/class="arrow beat"/);
    expect(arrives).not.toMatch(/class="end"/);
    expect(numbers(lost ?? "", "x2")[0]).toBeLessThan(numbers(arrives ?? "", "x2")[0] ?? 0);
  });

  it("colours a lane by what its node was", () => {
    const node = (at: number, text: string): TraceEvent => ({ at, kind: "node", node: 2, text });
    const page = renderTrace(
      [
        node(1, "opened"),
        node(2, "candidate in term 4"),
        node(3, "leader in term 4"),
        node(4, "power lost"),
        node(5, "failed: CORRUPT: bad frame"),
      ],
      OPTIONS,
    );
    const phases = [...page.matchAll(/class="phase (\w+)".*?<title>(.*?)<\/title>/g)];
    expect(phases.map(([, state, title]) => `${state ?? ""}: ${title ?? ""}`)).toEqual([
      "unknown: node 1: unknown",
      "unknown: node 2: unknown",
      "unknown: node 2: unknown",
      "candidate: node 2: candidate in term 4",
      "leader: node 2: leader in term 4",
      "down: node 2: down",
      "failed: node 2: failed",
      "unknown: node 3: unknown",
    ]);
  });

  it("names long silences, and marks faults and the violation", () => {
    const page = renderTrace(
      [
        { at: 1, kind: "fault", text: "partition 1 | 2,3" },
        { at: 201, kind: "fault", node: 2, text: "clock runs at 2" },
        { at: 202, kind: "disk", node: 2, text: "fsync failed" },
        { at: 203, kind: "check", text: "election-safety: two leaders" },
      ],
      { ...OPTIONS, invariant: "election-safety: two leaders" },
    );
    expect(page).toContain("⋮ 200 ms");
    expect(page).toMatch(/class="event fault">.*class="fault-line"/);
    expect(page).toMatch(/class="event fault">.*<polygon class="mark"/);
    expect(page).toMatch(/class="event disk">.*<rect class="mark"/);
    expect(page).toMatch(/class="event check">.*✗ election-safety/);
    expect(page).toMatch(/class="violated">.*election-safety/);
  });

  it("cuts texts that are too long, and shows all of them on hover", () => {
    const text = "x".repeat(400);
    const [row] = rows([{ at: 1, kind: "client", text }]);
    expect(row).toContain(`${text}</title>`);
    expect(row).toContain(`${"x".repeat(149)}…</text>`);
  });
});
