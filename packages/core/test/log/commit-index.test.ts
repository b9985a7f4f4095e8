import { describe, expect, it } from "vitest";
import { entry, openLog } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";

const DIRECTORY = "/log";

describe("a write of nothing but a commit index", () => {
  it("costs no sync, and reaches the disk with the next frame", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({
      group: 1,
      entries: [entry(1)],
      hardState: { term: 1, vote: 1, commit: 0 },
    });
    const before = log.stats.syncs;
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 1 } });
    await log.append({ group: 1 });
    expect(log.stats.syncs).toBe(before);
    await log.append({ group: 1, entries: [entry(2)] });
    expect(log.stats.syncs).toBe(before + 1);
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    expect(again.log.group(1).initialState().hardState.commit).toBe(1);
    await again.log.close();
  });

  it("resolves behind the writes before it", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    const order: string[] = [];
    const entries = log.append({ group: 1, entries: [entry(1)] }).then(() => order.push("entry"));
    const lazy = log
      .append({ group: 1, hardState: { term: 0, vote: 0, commit: 1 } })
      .then(() => order.push("commit"));
    await Promise.all([entries, lazy]);
    expect(order).toEqual(["entry", "commit"]);
    await log.close();
  });

  it("is told apart from a vote and from a term, which are synced", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 0 } });
    const before = log.stats.syncs;
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 0 } });
    expect(log.stats.syncs).toBe(before);
    await log.append({ group: 1, hardState: { term: 2, vote: 0, commit: 0 } });
    await log.append({ group: 1, hardState: { term: 2, vote: 3, commit: 0 } });
    expect(log.stats.syncs).toBe(before + 2);
    await log.close();
  });

  it("reaches the disk when the log is closed in an orderly way", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({
      group: 1,
      entries: [entry(1)],
      hardState: { term: 1, vote: 1, commit: 0 },
    });
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 1 } });
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    expect(again.log.group(1).initialState().hardState.commit).toBe(1);
    await again.log.close();
  });
});
