import { HoldfastError } from "@holdfast/core";
import { DiskError } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { contentOf, entries, openLog } from "../../../core/test/log/log-fixture.ts";
import { DiskUnderTest } from "./disk-fixture.ts";

interface Progress {
  /** Entries that the log said to be durable. */
  acknowledged: number;
  /** Entries that were handed over in any life. */
  issued: number;
  failure: Error | undefined;
}

/** Opens the log, checks what it holds and appends to it until the process dies. */
async function live(under: DiskUnderTest, progress: Progress): Promise<void> {
  try {
    const bootId = await under.mounted.bootId();
    const { log } = await openLog(under.mounted, "/data/wal", { segmentBytes: 8_192, bootId });
    const found = await contentOf(log, 1);
    const count = found.entries.length;
    expect(count).toBeGreaterThanOrEqual(progress.acknowledged);
    expect(count).toBeLessThanOrEqual(progress.issued);
    const wanted = entries(1, count, 1, 300);
    for (const [at, { index, data }] of found.entries.entries()) {
      expect(index).toBe(at + 1);
      expect(data).toBe(Buffer.from(wanted[at]?.data ?? []).toString("latin1"));
    }
    progress.acknowledged = count;
    for (let next = count + 1; ;) {
      const last = next + under.random.integer(0, 4);
      progress.issued = Math.max(progress.issued, last);
      await log.append({ group: 1, entries: entries(next, last, 1, 300) });
      progress.acknowledged = last;
      next = last + 1;
    }
  } catch (error) {
    progress.failure = error instanceof Error ? error : new Error(String(error));
  }
}

function isRefusal(error: Error | undefined): boolean {
  return error instanceof DiskError || (error instanceof HoldfastError && error.code === "STOPPED");
}

/** Four lives of a log, and their ends. Returns what was acknowledged. */
async function lives(under: DiskUnderTest): Promise<number> {
  const progress: Progress = { acknowledged: 0, issued: 0, failure: undefined };
  for (let life = 0; life < 4; life += 1) {
    void live(under, progress);
    await under.runFor(under.random.integer(0, 600) / 10);
    const { failure } = progress;
    // A log may stop, or not begin, because a sync failed; it may not lose anything.
    const excused = under.disk.shown.has("sync-error") && isRefusal(failure);
    if (failure !== undefined && !excused) throw failure;
    progress.failure = undefined;
    under.crash({ power: under.random.integer(0, 3) > 0 });
  }
  return progress.acknowledged;
}

const SEEDS = 75;

describe.each([0, 75, 150])("the write-ahead log on a simulated disk, seeds from %i", (from) => {
  it("has every acknowledged entry back, whenever the power goes", async () => {
    let acknowledged = 0;
    for (let seed = from; seed < from + SEEDS; seed += 1) {
      acknowledged += await lives(new DiskUnderTest(seed));
    }
    expect(acknowledged).toBeGreaterThan(800);
  });

  it("has them back when syncs fail and stall, too", async () => {
    let failures = 0;
    for (let seed = from; seed < from + SEEDS; seed += 1) {
      const under = new DiskUnderTest(seed);
      Object.assign(under.disk.faults, { syncError: 0.04, stall: 0.02 });
      await lives(under);
      failures += under.disk.shown.get("sync-error") ?? 0;
    }
    expect(failures).toBeGreaterThan(40);
  });
});
