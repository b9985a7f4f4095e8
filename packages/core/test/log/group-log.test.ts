import { nodeDisk } from "@holdfast/platform";
import { StorageError } from "raft-ts-lite";
import { describe, expect, it } from "vitest";
import { sealOf } from "../../src/format/sealed-entry.ts";
import { contentOf, entries, entry, openLog, withDirectory } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";

const DIRECTORY = "wal";

/** What a call threw, as far as a core looks at it. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof StorageError ? error.code : String(error);
  }
}

describe("GroupLog as the core's storage", () => {
  it("answers for an empty log", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    const group = log.group(1);
    expect(group.initialState()).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      confState: {
        voters: [],
        learners: [],
        votersOutgoing: [],
        learnersNext: [],
        autoLeave: false,
      },
    });
    expect([group.firstIndex(), group.lastIndex(), group.term(0), group.term(1)]).toEqual([
      1, 0, 0, 0,
    ]);
    expect([group.bytes, group.bytesFrom(1)]).toEqual([0, 0]);
    expect(codeOf(() => group.snapshot())).toBe("SNAPSHOT_UNAVAILABLE");
    await log.close();
  });

  it("gives entries within the limit in bytes, at least one", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    await log.append({ group: 1, entries: entries(1, 5, 1, 100) });
    const group = log.group(1);
    const indexes = (maxBytes: number): number[] =>
      group.entries(2, 6, maxBytes).map(({ index }) => index);
    expect(indexes(0)).toEqual([2]);
    // An entry of 100 bytes counts for 108, as in etcd.
    expect(indexes(216)).toEqual([2, 3]);
    expect(indexes(323)).toEqual([2, 3]);
    expect(indexes(324)).toEqual([2, 3, 4]);
    expect(indexes(Infinity)).toEqual([2, 3, 4, 5]);
    await log.close();
  });

  it("knows every term without reading, and refuses below the compacted one", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: entries(1, 4, 1) });
    await log.append({ group: 1, entries: entries(5, 6, 4) });
    await log.append({ group: 1, entries: [entry(7, 9)] });
    log.compact(1, 3);
    await log.close();
    const { log: again } = await openLog(disk, DIRECTORY, { cacheBytes: 0 });
    const group = again.group(1);
    expect([3, 4, 5, 6, 7, 8].map((index) => group.term(index))).toEqual([1, 1, 4, 4, 9, 0]);
    expect(codeOf(() => group.term(2))).toBe("COMPACTED");
    expect(codeOf(() => group.entries(3, 5, 10))).toBe("COMPACTED");
    await expect(group.read(3, 5, 10)).rejects.toMatchObject({ code: "COMPACTED" });
    await again.close();
  });

  it("restarts behind a snapshot, and says so after it was opened again", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: entries(1, 4) });
    const confState = {
      voters: [1, 2],
      learners: [3],
      votersOutgoing: [4],
      learnersNext: [5],
      autoLeave: true,
    };
    await log.append({
      group: 1,
      snapshot: { index: 10, term: 3, confState },
      entries: entries(11, 12, 3),
      hardState: { term: 3, vote: 0, commit: 10 },
    });
    const check = (found: typeof log): void => {
      const group = found.group(1);
      expect([group.firstIndex(), group.lastIndex(), group.term(10)]).toEqual([11, 12, 3]);
      expect(group.initialState()).toEqual({
        hardState: { term: 3, vote: 0, commit: 10 },
        confState,
      });
      expect(codeOf(() => group.entries(4, 5, 10))).toBe("COMPACTED");
    };
    check(log);
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    check(again.log);
    await again.log.close();
  });

  it("restarts behind a snapshot that lies within it as well: what follows is of another history (trap 50)", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: entries(1, 9) });
    const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [] };
    const snapshot = { index: 4, term: 3, confState: { ...confState, autoLeave: false } };
    await log.append({ group: 1, snapshot, hardState: { term: 3, vote: 0, commit: 4 } });
    const check = (found: typeof log): void => {
      const group = found.group(1);
      expect([group.firstIndex(), group.lastIndex(), group.term(4)]).toEqual([5, 4, 3]);
    };
    check(log);
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    check(again.log);
    await again.log.append({ group: 1, entries: [entry(5, 3)] });
    expect(again.log.group(1).lastIndex()).toBe(5);
    await again.log.close();
  });

  it("restarts when it is compacted beyond its end, which takes a term", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: entries(1, 4) });
    expect(() => {
      log.compact(1, 9);
    }).toThrow(/beyond \(4\) without a term/);
    log.compact(1, 9, 2);
    await log.append({ group: 1, entries: [entry(10, 2)] });
    const content = await contentOf(log, 1);
    expect(content.entries.map(({ index }) => index)).toEqual([10]);
    expect(log.group(1).term(9)).toBe(2);
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    expect(await contentOf(again.log, 1)).toEqual(content);
    await again.log.close();
  });

  it("makes snapshots with what the node set", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    const group = log.group(1);
    const confState = group.initialState().confState;
    const snapshot = { metadata: { index: 4, term: 2, confState }, data: Buffer.from("x") };
    group.snapshotProvider = () => snapshot;
    expect(group.snapshot()).toBe(snapshot);
    await log.close();
  });

  it("counts retained bytes", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY);
    await log.append({ group: 1, entries: [entry(1, 1, 52), entry(2, 1, 152), entry(3, 1, 252)] });
    const group = log.group(1);
    expect(group.bytes).toBe(600);
    expect([1, 2, 3, 4].map((index) => group.bytesFrom(index))).toEqual([600, 500, 300, 0]);
    await log.append({ group: 1, entries: [entry(3, 2, 2)] });
    expect(group.bytes).toBe(350);
    log.compact(1, 1);
    await log.append({ group: 1, hardState: { term: 2, vote: 1, commit: 1 } });
    expect([group.bytes, group.bytesFrom(0), group.bytesFrom(3)]).toEqual([250, 250, 50]);
    await log.close();
  });
});

describe("entries that are not in memory", () => {
  async function reopened(
    count: number,
    bytes: number,
    cacheBytes = 1 << 20,
  ): Promise<Awaited<ReturnType<typeof openLog>>["log"]> {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    for (let i = 1; i <= count; i++) await log.append({ group: 1, entries: [entry(i, 1, bytes)] });
    await log.close();
    return (await openLog(disk, DIRECTORY, { cacheBytes })).log;
  }

  it("are UNAVAILABLE until they were fetched", async () => {
    const log = await reopened(20, 100);
    const group = log.group(1);
    expect(group.wanted).toBe(false);
    expect(codeOf(() => group.entries(5, 9, Infinity))).toBe("UNAVAILABLE");
    expect(codeOf(() => group.entries(15, 21, 300))).toBe("UNAVAILABLE");
    expect(group.wanted).toBe(true);
    await group.fetch();
    expect(group.wanted).toBe(false);
    expect(group.entries(5, 9, Infinity).map(({ index }) => index)).toEqual([5, 6, 7, 8]);
    expect(group.entries(15, 21, 216).map(({ index }) => index)).toEqual([15, 16]);
    const [first] = group.entries(5, 6, Infinity);
    expect(first).toEqual(entry(5, 1, 100));
    expect(first && sealOf(first)).toBeDefined();
    await log.close();
  });

  it("are given up to where memory ends, so that the core goes on", async () => {
    const log = await reopened(5, 100);
    const group = log.group(1);
    expect(codeOf(() => group.entries(2, 4, Infinity))).toBe("UNAVAILABLE");
    await group.fetch();
    expect(group.entries(2, 6, Infinity).map(({ index }) => index)).toEqual([2, 3]);
    expect(group.wanted).toBe(false);
    // From what was fetched on into what was just written.
    expect(codeOf(() => group.entries(4, 6, Infinity))).toBe("UNAVAILABLE");
    await group.fetch();
    await log.append({ group: 1, entries: entries(6, 7) });
    expect(group.entries(4, 8, Infinity).map(({ index }) => index)).toEqual([4, 5, 6, 7]);
    await log.close();
  });

  it("that were fetched are forgotten when they are replaced, compacted or replaced while they were read", async () => {
    const log = await reopened(6, 100);
    const group = log.group(1);
    expect(codeOf(() => group.entries(1, 7, Infinity))).toBe("UNAVAILABLE");
    await group.fetch();
    await log.append({ group: 1, entries: [entry(5, 2)] });
    expect(codeOf(() => group.entries(1, 5, Infinity))).toBe("UNAVAILABLE");
    expect(group.entries(5, 6, Infinity)).toEqual([entry(5, 2)]);
    const fetching = group.fetch();
    log.compact(1, 2);
    await log.append({ group: 1, entries: [entry(4, 3)] });
    await fetching;
    expect(codeOf(() => group.entries(2, 4, Infinity))).toBe("COMPACTED");
    expect(group.entries(4, 5, Infinity)).toEqual([entry(4, 3)]);
    await log.close();
  });

  it("are read by an asynchronous reader across segments, within its limit", async () => {
    const log = await reopened(120, 500);
    expect(log.stats.segments).toBeGreaterThan(3);
    const group = log.group(1);
    const all = await group.read(1, 121, Infinity);
    expect(all).toEqual(entries(1, 120, 1, 500));
    expect((await group.read(7, 121, 548 * 3)).map(({ index }) => index)).toEqual([7, 8, 9]);
    expect(await group.read(7, 121, 0)).toHaveLength(1);
    await log.close();
  });

  it("are those that were written longest ago, whichever group they are of", async () => {
    const { log } = await openLog(new MemoryDisk(), DIRECTORY, { cacheBytes: 1_000 });
    await log.append({ group: 1, entries: entries(1, 4, 1, 152) });
    expect(log.group(1).entries(1, 5, Infinity)).toHaveLength(4);
    await log.append({ group: 2, entries: entries(1, 3, 1, 152) });
    expect(codeOf(() => log.group(1).entries(1, 2, Infinity))).toBe("UNAVAILABLE");
    expect(log.group(1).entries(3, 5, Infinity)).toHaveLength(2);
    expect(log.group(2).entries(1, 4, Infinity)).toHaveLength(3);
    // A reader does not drive the newest entries out of memory.
    await log.group(1).read(1, 3, Infinity);
    expect(log.group(2).entries(1, 4, Infinity)).toHaveLength(3);
    await log.close();
  });

  it("are COMPACTED when their segment is removed while they are read", () =>
    withDirectory(async (directory) => {
      const disk = nodeDisk();
      const { log } = await openLog(disk, directory, { segmentBytes: 4096, cacheBytes: 0 });
      for (let i = 1; i <= 30; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
      const group = log.group(1);
      log.compact(1, 30);
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, async () => {
          try {
            const read = await group.read(1, 31, Infinity);
            return read.length > 0 ? "read" : "nothing";
          } catch (error) {
            return (error as { code?: string }).code;
          }
        }),
      );
      await log.append({ group: 1, entries: [entry(31)] });
      await expect(group.read(1, 2, 1)).rejects.toMatchObject({ code: "COMPACTED" });
      expect(outcomes.every((outcome) => outcome === "read" || outcome === "COMPACTED")).toBe(true);
      await log.close();
      await disk.close();
    }));
});
