import { nodeDisk } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { sealOf } from "../../src/format/sealed-entry.ts";
import { contentOf, entries, entry, openLog, withDirectory } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";

const disk = nodeDisk();

describe("WriteAheadLog", () => {
  it("shows what was appended, and again after it was closed and opened", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory);
      await log.append({
        group: 1,
        entries: entries(1, 10),
        hardState: { term: 1, vote: 2, commit: 3 },
      });
      await log.append({ group: 1, entries: [entry(8, 2)] });
      const before = await contentOf(log, 1);
      expect(before.entries.map(({ index, term }) => [index, term]).slice(6)).toEqual([
        [7, 1],
        [8, 2],
      ]);
      await log.close();
      const again = await openLog(disk, directory);
      expect(await contentOf(again.log, 1)).toEqual(before);
      expect(again.log.group(1).initialState().hardState).toEqual({ term: 1, vote: 2, commit: 3 });
      await again.log.close();
    }));

  it("writes what waits while the disk is busy with one sync (O10)", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory, { segmentBytes: 1 << 20 });
      await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => log.append({ group: 1, entries: [entry(i + 1)] })),
      );
      expect(log.stats).toMatchObject({ appends: 1_000, syncs: 1 });
      // Handed over one microtask after the other: whatever comes while the disk works goes together.
      const waiting: Promise<void>[] = [];
      for (let i = 1_001; i <= 2_000; i++) {
        waiting.push(log.append({ group: 1, entries: [entry(i)] }));
        await Promise.resolve();
      }
      await Promise.all(waiting);
      expect(log.stats.appends).toBe(2_000);
      expect(log.stats.syncs).toBeLessThanOrEqual(10);
      await log.close();
    }));

  it("acknowledges in order, and not before the sync", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal");
    const events: string[] = [];
    memory.intercept = ({ type }) => events.push(type);
    const first = log.append({ group: 1, entries: [entry(1)] }).then(() => events.push("first"));
    const second = log.append({ group: 2, entries: [entry(1)] }).then(() => events.push("second"));
    await Promise.all([first, second]);
    expect(events).toEqual(["write", "sync", "first", "second"]);
    expect([log.group(1).lastIndex(), log.group(2).lastIndex()]).toEqual([1, 1]);
    await log.close();
  });

  it("shows nothing that is not durable", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal");
    const seen: number[] = [];
    memory.intercept = () => {
      seen.push(log.group(1).lastIndex(), log.stats.syncedPosition);
    };
    const before = log.stats.syncedPosition;
    await log.append({ group: 1, entries: entries(1, 3) });
    expect(seen).toEqual([0, before, 0, before]);
    expect(log.stats.syncedPosition).toBeGreaterThan(before);
    await log.close();
  });

  it("writes the sealed bytes unchanged, short ones and long ones", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 1 << 20 });
    const written = [
      entry(1, 1, 10),
      entry(2, 1, 100_000),
      entry(3, 1, 0),
      entry(4, 1, 16_384 - 48),
    ];
    await log.append({ group: 1, entries: written });
    await log.close();
    const [file] = memory.files().values();
    for (const each of written) expect(file?.includes(sealOf(each) ?? "")).toBe(true);
    const again = await openLog(memory, "wal", { segmentBytes: 1 << 20 });
    expect(await again.log.group(1).read(1, 5, Infinity)).toEqual(written);
    await again.log.close();
  });

  it("refuses entries that were not sealed or do not follow on, without harm to others", async () => {
    const { log, failures } = await openLog(new MemoryDisk(), "wal");
    const outcomes = await Promise.allSettled([
      log.append({ group: 1, entries: entries(1, 2) }),
      log.append({
        group: 1,
        entries: [{ type: "Normal", term: 1, index: 3, data: Buffer.alloc(1) }],
      }),
      log.append({ group: 1, entries: [entry(4)] }),
      log.append({ group: 1, entries: [entry(3), entry(5)] }),
      log.append({ group: 1, entries: [entry(3)] }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(outcomes[1]).toMatchObject({
      reason: { message: expect.stringMatching(/not sealed/) as string },
    });
    expect(outcomes[2]).toMatchObject({
      reason: {
        message: expect.stringMatching(
          /entry \(4\) of group \(1\) does not follow on \(2\)/,
        ) as string,
      },
    });
    expect(failures).toEqual([]);
    expect(log.group(1).lastIndex()).toBe(3);
    await log.close();
  });

  it("gives a frame that is larger than a segment one of its own", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 4096 });
    await log.append({ group: 1, entries: [entry(1)] });
    await log.append({ group: 1, entries: [entry(2, 1, 9 << 20)] });
    await log.append({ group: 1, entries: [entry(3)] });
    const sizes = [...memory.files().values()].map(({ length }) => length);
    expect(sizes[0]).toBe(4096);
    expect(sizes[1]).toBeGreaterThan(9 << 20);
    expect(sizes[2]).toBe(4096);
    const content = await contentOf(log, 1);
    await log.close();
    const again = await openLog(memory, "wal", { segmentBytes: 4096 });
    expect(await contentOf(again.log, 1)).toEqual(content);
    await again.log.close();
  });

  it("makes a segment full-size, durable and named before it is used", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 4096 });
    const told = memory.operations.map((operation) =>
      operation.type === "write"
        ? `write ${operation.at} ${operation.bytes.length}`
        : operation.type === "rename"
          ? `rename ${operation.from} ${operation.to}`
          : operation.type,
    );
    const name = `wal/${"1".padStart(20, "0")}.seg`;
    expect(told).toEqual([
      "create",
      "write 0 4096",
      "sync",
      "write 0 104",
      "sync",
      `rename ${name}.tmp ${name}`,
      "syncDirectory",
    ]);
    await log.close();
  });

  it("prepares the next segment when one is half full, so that the change writes no zeros", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 4096 });
    for (let i = 1; i <= 6; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    expect([...memory.names.keys()].filter((name) => name.endsWith(".tmp"))).toHaveLength(1);
    const before = memory.operations.length;
    await log.append({ group: 1, entries: [entry(7, 1, 500)] });
    expect(memory.operations.slice(before).map(({ type }) => type)).toEqual([
      // The head, then the name, then the frame.
      "write",
      "sync",
      "rename",
      "syncDirectory",
      "write",
      "sync",
    ]);
    await log.close();
  });

  it("does the same work for an append to a long log as to a short one (O15)", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 24 << 20, cacheBytes: 1 << 16 });
    const costOf = async (index: number): Promise<readonly number[]> => {
      const before = memory.operations.length;
      await log.append({ group: 1, entries: [entry(index)] });
      const cost = memory.operations.slice(before);
      return cost.map((operation) => (operation.type === "write" ? operation.bytes.length : 0));
    };
    await log.append({ group: 1, entries: entries(1, 1_000) });
    const short = await costOf(1_001);
    await log.append({ group: 1, entries: entries(1_002, 100_000) });
    expect(await costOf(100_001)).toEqual(short);
    expect(short).toEqual([136, 0]);
    await log.close();
  });
});

describe("compaction", () => {
  it("removes the segments that nobody needs, and only those", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory);
      for (let i = 1; i <= 200; i++) await log.append({ group: 1, entries: [entry(i, 1, 400)] });
      expect(log.stats.segments).toBeGreaterThan(5);
      const before = await contentOf(log, 1);
      await log.close();
      const again = await openLog(disk, directory);
      expect(await contentOf(again.log, 1)).toEqual(before);
      again.log.compact(1, 190);
      await again.log.append({ group: 1, entries: [entry(201, 1, 400)] });
      await again.log.close();
      const third = await openLog(disk, directory);
      expect(third.log.stats.segments).toBeLessThan(3);
      expect(third.log.stats.bytes).toBe(third.log.stats.segments * 16_384);
      expect((await contentOf(third.log, 1)).entries.map(({ index }) => index)).toEqual([
        191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201,
      ]);
      await third.log.close();
    }));

  it("begins a frame of its own when nothing else is written", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 1024 });
    for (let i = 1; i <= 9; i++) await log.append({ group: 1, entries: [entry(i, 1, 300)] });
    const { segments } = log.stats;
    log.compact(1, 9);
    await log.close();
    expect(segments).toBeGreaterThan(3);
    expect(memory.names.size).toBe(1);
  });

  it("is not held up by a group that is idle, whose state each segment repeats", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 2048 });
    const confState = {
      voters: [1, 2, 3],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    await log.append({
      group: 7,
      snapshot: { index: 40, term: 3, confState },
      hardState: { term: 5, vote: 2, commit: 40 },
    });
    await log.append({
      group: 8,
      entries: entries(1, 3),
      hardState: { term: 1, vote: 1, commit: 3 },
    });
    log.compact(8, 3);
    for (let i = 1; i <= 30; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    log.compact(1, 30);
    await log.close();
    expect([...memory.names.keys()].some((name) => name.endsWith("0001.seg"))).toBe(false);
    const again = await openLog(memory, "wal", { segmentBytes: 2048 });
    expect(again.log.group(7).state).toEqual({
      group: 7,
      hardState: { term: 5, vote: 2, commit: 40 },
      compactedIndex: 40,
      compactedTerm: 3,
      confState,
    });
    expect(again.log.group(8).state).toMatchObject({
      hardState: { term: 1, vote: 1, commit: 3 },
      compactedIndex: 3,
      compactedTerm: 1,
    });
    await again.log.close();
  });

  it("keeps the segments of a group that still needs its entries", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 2048 });
    await log.append({ group: 2, entries: entries(1, 3) });
    for (let i = 1; i <= 30; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    const { segments } = log.stats;
    log.compact(1, 30);
    await log.append({ group: 1, entries: [entry(31)] });
    expect(log.stats.segments).toBe(segments);
    log.compact(2, 3);
    await log.close();
    expect(memory.names.size).toBeLessThan(3);
  });

  it("syncs the directory between two removals, so that a crash leaves no gap", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal", { segmentBytes: 1024 });
    for (let i = 1; i <= 9; i++) await log.append({ group: 1, entries: [entry(i, 1, 300)] });
    const before = memory.operations.length;
    log.compact(1, 9);
    await log.close();
    const types = memory.operations
      .slice(before)
      .map(({ type }) => type)
      .filter((type) => type === "remove" || type === "syncDirectory");
    expect(types.filter((type) => type === "remove").length).toBeGreaterThan(3);
    expect(types.join(" ")).toContain("remove syncDirectory remove syncDirectory");
    expect(types.join(" ")).not.toContain("remove remove");
  });

  it("asked for twice, or for what is gone, is nothing", async () => {
    const memory = new MemoryDisk();
    const { log } = await openLog(memory, "wal");
    await log.append({ group: 1, entries: entries(1, 9) });
    log.compact(1, 5);
    log.compact(1, 4);
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 5 } });
    expect(log.group(1).firstIndex()).toBe(6);
    const { syncs } = log.stats;
    log.compact(1, 5);
    log.compact(1, 0);
    await Promise.resolve();
    await Promise.resolve();
    expect(log.stats.syncs).toBe(syncs);
    await log.close();
  });
});
