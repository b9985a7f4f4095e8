import { DiskError } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { crashState } from "./crash-states.ts";
import { contentOf, entries, entry, openLog } from "./log-fixture.ts";
import { type DiskOperation, MemoryDisk } from "./memory-disk.ts";

const DIRECTORY = "wal";

/** Lets the first operation that `matches` fail; counts the writes and syncs that come later. */
function failOnce(
  disk: MemoryDisk,
  matches: (operation: DiskOperation) => boolean,
  code: "IO" | "FULL" = "IO",
): { readonly later: DiskOperation[] } {
  const later: DiskOperation[] = [];
  let failed = false;
  disk.intercept = (operation) => {
    if (failed) later.push(operation);
    if (failed || !matches(operation)) return;
    failed = true;
    throw new DiskError(code, "the device", "it does not answer");
  };
  return { later };
}

describe("a failed write or sync (trap 41)", () => {
  it.each(["write", "sync"] as const)("%s ends the log for good", async (type) => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: [entry(1)] });
    const before = await contentOf(log, 1);
    const { later } = failOnce(disk, (operation) => operation.type === type);
    const waiting = [
      log.append({ group: 1, entries: [entry(2)] }),
      log.append({ group: 2, hardState: { term: 1, vote: 1, commit: 0 } }),
    ];
    const outcomes = await Promise.allSettled(waiting);
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { code: "STOPPED", cause: { code: "IO" } } },
      { status: "rejected", reason: { code: "STOPPED" } },
    ]);
    await expect(log.append({ group: 1, entries: [entry(2)] })).rejects.toMatchObject({
      code: "STOPPED",
    });
    log.compact(1, 1);
    expect(failures).toHaveLength(1);
    expect(failures[0]?.message).toMatch(/mend the disk and restart/);
    expect(await contentOf(log, 1), "nothing shows that is not durable").toEqual(before);
    await log.close();
    expect(later, "nothing is tried again").toEqual([]);
  });

  it("rejects what waits behind it, too", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY);
    const behind: Promise<void>[] = [];
    failOnce(disk, (operation) => {
      if (operation.type !== "sync") return false;
      // The disk is busy with the first one now.
      behind.push(log.append({ group: 1, entries: [entry(2)] }));
      return true;
    });
    await expect(log.append({ group: 1, entries: [entry(1)] })).rejects.toMatchObject({
      code: "STOPPED",
    });
    await expect(behind[0]).rejects.toMatchObject({ code: "STOPPED" });
    expect(failures).toHaveLength(1);
    await log.close();
  });

  it.each(["rename", "syncDirectory"] as const)(
    "%s of a new segment ends it as well",
    async (type) => {
      const disk = new MemoryDisk();
      const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
      failOnce(disk, (operation) => operation.type === type);
      await log.append({ group: 1, entries: [entry(1, 1, 500)] });
      await expect(log.append({ group: 1, entries: [entry(2, 1, 500)] })).rejects.toMatchObject({
        code: "STOPPED",
      });
      expect(failures).toHaveLength(1);
      await log.close();
    },
  );

  it("removal of an old segment ends it, since nobody knows what became of the directory", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
    for (let i = 1; i <= 4; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    failOnce(disk, (operation) => operation.type === "remove");
    log.compact(1, 4);
    await log.close();
    expect(failures).toHaveLength(1);
  });
});

describe("a failed sync, after which the system takes the lost pages for clean (trap 41)", () => {
  it("does not let a later life believe in them", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: [entry(1)] });
    failOnce(disk, ({ type }) => type === "sync");
    await log.append({ group: 1, entries: [entry(2)] }).catch(() => undefined);
    await log.close();
    const lost = disk.operations.at(-1);
    expect(lost?.type).toBe("write");
    const again = await openLog(disk, DIRECTORY);
    const seen = await contentOf(again.log, 1);
    expect(seen.entries).toHaveLength(2);
    // No sync that follows brings that write to the disk; then the power goes.
    const reached = disk.operations.filter((operation) => operation !== lost);
    const left = crashState(reached, new Map(), () => false);
    const after = await openLog(MemoryDisk.holding(left), DIRECTORY);
    expect(await contentOf(after.log, 1)).toEqual(seen);
    await after.log.close();
    await again.log.close();
  });

  it("nor in a frame without records, which a later frame would vouch for", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    await log.append({ group: 1, entries: [entry(1)] });
    failOnce(disk, ({ type }) => type === "sync");
    await log.close();
    const lost = disk.operations.at(-1);
    expect(lost?.type).toBe("write");
    const again = await openLog(disk, DIRECTORY);
    await again.log.append({ group: 1, entries: [entry(2)] });
    const seen = await contentOf(again.log, 1);
    const reached = disk.operations.filter((operation) => operation !== lost);
    const left = crashState(reached, new Map(), () => false);
    const after = await openLog(MemoryDisk.holding(left), DIRECTORY);
    expect(await contentOf(after.log, 1)).toEqual(seen);
    await after.log.close();
    await again.log.close();
  });
});

describe("a disk of which everything fails at once", () => {
  it("ends the log once, and nothing is written afterwards", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
    for (let i = 1; i <= 4; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    const behind: Promise<unknown>[] = [];
    let attempts = 0;
    let failing = false;
    disk.intercept = ({ type }) => {
      // While the compaction is written, more comes, which is under way when the removals begin.
      if (type === "sync" && behind.length === 0) {
        behind.push(log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 4 } }));
        behind.push(log.append({ group: 1, entries: [entry(6, 1, 500)] }));
      }
      if (type === "remove") failing = true;
      if (!failing) return;
      if (type === "write" || type === "sync") attempts += 1;
      throw new DiskError("IO", "the device", "it does not answer");
    };
    log.compact(1, 4);
    await log.append({ group: 1, entries: [entry(5)] });
    const outcomes = await Promise.allSettled(behind);
    await log.close();
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { code: "STOPPED" } },
      { status: "rejected", reason: { code: "STOPPED" } },
    ]);
    expect(failures).toHaveLength(1);
    // What was under way when the removal failed.
    expect(attempts).toBeLessThanOrEqual(1);
  });
});

describe("a removal that fails while a segment is begun", () => {
  it("keeps the frame from being written that the segment was for", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
    for (let i = 1; i <= 4; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    const behind: Promise<unknown>[] = [];
    const frames: DiskOperation[] = [];
    let failed = false;
    disk.intercept = (operation) => {
      if (operation.type === "sync" && behind.length === 0) {
        // It needs a segment of its own, which takes longer to make than the removals take.
        behind.push(log.append({ group: 1, entries: [entry(5, 1, 3_000)] }));
      }
      const isFrame = operation.type === "write" && operation.bytes.includes("HFFR");
      if (failed && isFrame) frames.push(operation);
      if (operation.type !== "remove" || operation.path.endsWith(".tmp")) return;
      failed = true;
      throw new DiskError("IO", "the device", "it does not answer");
    };
    log.compact(1, 4);
    await log.append({ group: 1, hardState: { term: 1, vote: 1, commit: 4 } });
    await expect(behind[0]).rejects.toMatchObject({ code: "STOPPED" });
    await log.close();
    expect(failures).toHaveLength(1);
    expect(frames).toEqual([]);
    expect(disk.openFiles).toBe(0);
  });
});

describe("a full disk (trap 48)", () => {
  const fillsNewSegment = (operation: DiskOperation): boolean =>
    operation.type === "write" && operation.at === 0 && operation.bytes.length === 4096;

  it("while the next segment is prepared is forgiven when there is room later", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
    failOnce(disk, fillsNewSegment, "FULL");
    for (let i = 1; i <= 12; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    expect(log.stats.segments).toBeGreaterThan(1);
    expect(failures).toEqual([]);
    await log.close();
    expect([...disk.names.keys()].filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("ends the log when a segment is needed and cannot be made, with all that was acknowledged", async () => {
    const disk = new MemoryDisk();
    const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
    disk.intercept = (operation) => {
      if (fillsNewSegment(operation)) throw new DiskError("FULL", "the device", "it is full");
    };
    let durable = 0;
    for (let i = 1; i <= 12; i++) {
      const outcome = await log.append({ group: 1, entries: [entry(i, 1, 500)] }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (outcome === undefined) durable += 1;
      else expect(outcome).toMatchObject({ code: "STOPPED", cause: { code: "FULL" } });
    }
    expect(durable).toBeGreaterThan(3);
    expect(failures).toHaveLength(1);
    await log.close();
    // The space that the attempts took is given back: it is short.
    expect([...disk.names.keys()].filter((name) => name.endsWith(".tmp"))).toEqual([]);
    disk.intercept = () => undefined;
    const again = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
    expect(again.log.group(1).lastIndex()).toBe(durable);
    await again.log.close();
  });
});

describe("close", () => {
  it("waits for what was appended, and refuses what comes later", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY);
    const waiting = log.append({ group: 1, entries: entries(1, 3) });
    const closing = log.close();
    await expect(log.append({ group: 1, entries: [entry(4)] })).rejects.toMatchObject({
      code: "CLOSED",
    });
    await waiting;
    await closing;
    await log.close();
    const again = await openLog(disk, DIRECTORY);
    expect(again.log.group(1).lastIndex()).toBe(3);
    await again.log.close();
  });

  it("leaves no file open and no temporary file behind", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
    for (let i = 1; i <= 5; i++) await log.append({ group: 1, entries: [entry(i, 1, 500)] });
    await log.close();
    expect(disk.openFiles).toBe(0);
    expect([...disk.names.keys()].every((name) => name.endsWith(".seg"))).toBe(true);
  });

  it("leaves no file open after a failure, and after a refusal to open", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
    failOnce(disk, ({ type }) => type === "rename");
    for (let i = 1; i <= 2; i++) {
      await log.append({ group: 1, entries: [entry(i, 1, 500)] }).catch(() => undefined);
    }
    await log.close();
    expect(disk.openFiles).toBe(0);
    const identity = { clusterId: Buffer.alloc(16), nodeId: 5, incarnation: 5 };
    await expect(openLog(disk, DIRECTORY, { identity })).rejects.toMatchObject({
      code: "IDENTITY",
    });
    expect(disk.openFiles).toBe(0);
  });
});
