import { expect, test } from "vitest";
import { availabilityPlot } from "../../chaos/plot.ts";

const write = (endedMs: number) =>
  ({ beganMs: endedMs - 5, endedMs, outcome: "ok", writes: true }) as const;

test("the plot shows a lane for each kind of fault, and every gap", () => {
  const plot = availabilityPlot({
    title: "a < b & c",
    // Nothing from 300 to 500 ms.
    samples: [50, 150, 250, 550, 650, 750, 850, 950].map(write),
    faults: [
      { kind: "kill", beginMs: 200, endMs: 500 },
      { kind: "split", beginMs: 600, endMs: 700 },
      { kind: "kill", beginMs: 800, endMs: 900 },
    ],
    untilMs: 1_000,
  });
  expect(plot).toContain(">a &lt; b &amp; c</text>");
  expect(plot.match(/>(kill|split)<\/text>/g)).toEqual([">kill</text>", ">split</text>"]);
  expect(plot.match(/fill="#c0392b"/g)).toHaveLength(1);
  expect(plot).toContain('y="292" width="192" height="12" fill="#c0392b"');
  expect(plot).not.toMatch(/NaN|undefined|Infinity/);
});

test("a run without faults or operations can be drawn", () => {
  const plot = availabilityPlot({ title: "calm", samples: [], faults: [], untilMs: 1_000 });
  expect(plot).not.toMatch(/NaN|undefined|Infinity/);
});
