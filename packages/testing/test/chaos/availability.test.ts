import { describe, expect, test } from "vitest";
import {
  availability,
  periodsOf,
  type Sample,
  type StruckTime,
  successesPerSlot,
} from "../../chaos/availability.ts";
import { availabilityTable } from "../../chaos/report.ts";

const write = (beganMs: number, endedMs: number, outcome: Sample["outcome"] = "ok"): Sample => ({
  beganMs,
  endedMs,
  outcome,
  writes: true,
});

const struck: readonly StruckTime[] = [
  { label: "split", beginMs: 1_000, endMs: 3_000, settledMs: 3_500, caughtUpMs: 500 },
  { label: "kill", beginMs: 5_000, endMs: 6_000, settledMs: 6_000, caughtUpMs: 0 },
];

describe("periods", () => {
  test("are those of the groups of faults, what came after them, and calm", () => {
    expect(periodsOf(struck, 10_000)).toEqual([
      { label: "no fault", beginMs: 0, endMs: 1_000 },
      { label: "split", beginMs: 1_000, endMs: 3_000 },
      { label: "catching up", beginMs: 3_000, endMs: 3_500 },
      { label: "no fault", beginMs: 3_500, endMs: 5_000 },
      { label: "kill", beginMs: 5_000, endMs: 6_000 },
      { label: "no fault", beginMs: 6_000, endMs: 10_000 },
    ]);
  });
});

describe("availability", () => {
  const period = { label: "kill", beginMs: 1_000, endMs: 2_000 };

  test("is the share of slots with a successful write", () => {
    const samples = [write(1_000, 1_010), write(1_020, 1_090), write(1_900, 1_950)];
    expect(availability(samples, [period])[0]).toMatchObject({ share: 0.2, longestGapMs: 860 });
  });

  test("counts neither reads nor what failed or stayed unknown", () => {
    const samples: Sample[] = [
      { beganMs: 1_100, endedMs: 1_150, outcome: "ok", writes: false },
      write(1_200, 1_250, "fail"),
      write(1_300, 1_350, "unknown"),
    ];
    const [row] = availability(samples, [period]);
    expect(row).toMatchObject({ share: 0, ok: 1, fail: 1, unknown: 1, longestGapMs: 1_000 });
    expect(row?.firstSuccessMs).toBeUndefined();
  });

  test("takes the first success from a write that began under the fault, even if it ended after it", () => {
    const samples = [write(900, 1_050), write(1_200, 2_700)];
    expect(availability(samples, [period])[0]).toMatchObject({ firstSuccessMs: 1_700 });
  });

  test("joins periods of one label, and shows the worst of them", () => {
    const again = { label: "kill", beginMs: 5_000, endMs: 6_000 };
    const samples = [write(1_000, 1_010), write(5_400, 5_450)];
    expect(availability(samples, [period, again])).toEqual([
      expect.objectContaining({ periods: 2, totalMs: 2_000, share: 0.1, firstSuccessMs: 450 }),
    ]);
  });

  test("counts successes per slot for the plot", () => {
    expect(
      successesPerSlot([write(0, 50), write(0, 99), write(0, 100), write(0, 990)], 300),
    ).toEqual([2, 1, 0]);
  });
});

describe("the table", () => {
  const row = {
    label: "kill-all",
    periods: 2,
    totalMs: 4_000,
    share: 0,
    firstSuccessMs: undefined,
    longestGapMs: 4_000,
    ok: 0,
    unknown: 7,
    fail: 0,
  };
  const time = { label: "kill-all", beginMs: 0, endMs: 2_000, settledMs: 2_900 };

  test("is aligned, and says so where no write succeeded", () => {
    const table = availabilityTable([row], [{ ...time, caughtUpMs: 900 }]);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
    expect(table[2]).toMatch(
      /^\| kill-all \| +2 \| +4\.0 \| +0\.0 % \| +none \| +4000 ms \| +900 ms \| +0 \| +7 \| +0 \|$/,
    );
  });

  test("shows the longest time to catch up, and whether there was an end to it", () => {
    const cells = (...times: readonly (number | undefined)[]) =>
      availabilityTable(
        [row],
        times.map((caughtUpMs) => ({ ...time, caughtUpMs })),
      )[2]?.split("|");
    expect(cells(900, 1_100)?.[7]?.trim()).toBe("1100 ms");
    expect(cells(900, undefined)?.[7]?.trim()).toBe("not");
    expect(cells()?.[7]?.trim()).toBe("");
  });
});
