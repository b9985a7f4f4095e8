import { readFile, readdir, writeFile } from "node:fs/promises";
import { nodeDisk } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { crc32c } from "../../src/format/bytes.ts";
import type { WalOptions } from "../../src/log/write-ahead-log.ts";
import { contentOf, entries, entry, openLog, withDirectory } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";

const DIRECTORY = "wal";
const SEGMENT = 2048;

const pathOf = (number: number): string => `${DIRECTORY}/${String(number).padStart(20, "0")}.seg`;

/** A log of several segments, and what its group held before the last write and after it. */
async function written(): Promise<{
  files: Map<string, Buffer>;
  last: string;
  frames: { at: number; end: number }[];
  before: unknown;
  after: unknown;
}> {
  const disk = new MemoryDisk();
  const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT });
  for (let i = 1; i <= 20; i++) {
    await log.append({
      group: 1,
      entries: [entry(i, 1, 130)],
      hardState: { term: 1, vote: 1, commit: i },
    });
  }
  const before = await contentOf(log, 1);
  await log.append({ group: 1, entries: entries(21, 22, 2, 100) });
  const after = await contentOf(log, 1);
  // As a process that is killed leaves them.
  const files = disk.files();
  for (const path of files.keys()) if (path.endsWith(".tmp")) files.delete(path);
  await log.close();
  const last = [...files.keys()].sort().at(-1) ?? "";
  return { files, last, frames: framesOf(files.get(last) ?? Buffer.alloc(0)), before, after };
}

/** Where the frames of a segment are, padding included. */
function framesOf(segment: Buffer): { at: number; end: number }[] {
  const frames: { at: number; end: number }[] = [];
  let at = segment.readUInt32LE(8);
  while (segment.toString("latin1", at, at + 4) === "HFFR") {
    const end = at + 48 + Math.ceil(segment.readUInt32LE(at + 4) / 8) * 8;
    frames.push({ at, end });
    at = end;
  }
  return frames;
}

function changed(
  files: ReadonlyMap<string, Buffer>,
  path: string,
  change: (content: Buffer) => void,
): Map<string, Buffer> {
  const copy = new Map(files);
  const content = Buffer.from(copy.get(path) ?? Buffer.alloc(0));
  change(content);
  return copy.set(path, content);
}

/** Opens the log in `files`; says what it held, or why it was refused, and what the disk was like afterwards. */
async function attempt(
  files: ReadonlyMap<string, Buffer>,
  options: Partial<WalOptions> = {},
): Promise<{ content?: unknown; error?: HoldfastError; disk: MemoryDisk }> {
  const disk = MemoryDisk.holding(files);
  try {
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT, ...options });
    const content = await contentOf(log, 1);
    await log.close();
    return { content, disk };
  } catch (error) {
    if (error instanceof HoldfastError) return { error, disk };
    throw error;
  }
}

async function expectRefused(
  files: ReadonlyMap<string, Buffer>,
  code: string,
  pattern: RegExp,
  what = "",
): Promise<void> {
  const { error, disk } = await attempt(files);
  expect(error?.code, what).toBe(code);
  expect(error?.message, what).toMatch(pattern);
  expect(disk.operations, `${what}: nothing may be changed`).toEqual([]);
}

/** For the bytes [from, to): flips one bit of each. */
async function expectFlipsRefused(
  files: ReadonlyMap<string, Buffer>,
  path: string,
  from: number,
  to: number,
): Promise<void> {
  for (let at = from; at < to; at++) {
    const damaged = changed(files, path, (content) => {
      content[at] = (content[at] ?? 0) ^ (1 << (at % 8));
    });
    await expectRefused(
      damaged,
      "CORRUPT",
      new RegExp(`${path}, offset \\(\\d+\\)`),
      `${path} byte ${at}`,
    );
  }
}

describe("a torn tail", () => {
  it.each<[string, (content: Buffer, at: number, cut: number, end: number) => void]>([
    ["whose end is missing", (content, _at, cut, end) => content.fill(0, cut, end)],
    ["whose start is missing", (content, at, cut) => content.fill(0, at, cut + 1)],
    ["of garbage", (content, _at, cut, end) => content.fill(0xa5, cut, end)],
  ])("%s is removed at every byte of the last frame", async (_what, tear) => {
    const { files, last, frames, before } = await written();
    const { at, end } = frames.at(-1) ?? { at: 0, end: 0 };
    expect(end - at).toBeGreaterThan(200);
    // The padding is not part of the frame: without it the frame is whole.
    const payloadEnd = at + 48 + (files.get(last)?.readUInt32LE(at + 4) ?? 0);
    for (let cut = at; cut < payloadEnd; cut++) {
      const torn = changed(files, last, (content) => {
        tear(content, at, cut, end);
      });
      const { content, error, disk } = await attempt(torn);
      expect(error, `cut at ${cut}`).toBeUndefined();
      expect(content, `cut at ${cut}`).toEqual(before);
      const repaired = disk.files().get(last) ?? Buffer.alloc(0);
      expect(repaired.subarray(at).every((byte) => byte === 0)).toBe(true);
    }
  });

  it("is overwritten and synced before the log is used", async () => {
    const { files, last, frames } = await written();
    const { at, end } = frames.at(-1) ?? { at: 0, end: 0 };
    const disk = MemoryDisk.holding(
      changed(files, last, (content) => {
        content.fill(0, at + 100, end);
      }),
    );
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT });
    expect(disk.operations.map(({ type }) => type)).toEqual([
      // The tail, and the last frame before it.
      "write",
      "write",
      "sync",
      "syncDirectory",
    ]);
    await log.append({ group: 1, entries: [entry(21, 3)] });
    const content = await contentOf(log, 1);
    await log.close();
    expect((await attempt(disk.files())).content).toEqual(content);
  });

  it("or none: what only the page cache may hold is synced before the log is used", async () => {
    const { files } = await written();
    const { disk } = await attempt(files);
    expect(disk.operations.map(({ type }) => type)).toEqual(["write", "sync", "syncDirectory"]);
    expect(disk.files()).toEqual(files);
  });

  it("on a real disk is removed, and the log goes on in its place", () =>
    withDirectory(async (directory) => {
      const disk = nodeDisk();
      const { log } = await openLog(disk, directory);
      await log.append({ group: 1, entries: entries(1, 5) });
      const before = await contentOf(log, 1);
      await log.append({ group: 1, entries: [entry(6)] });
      const path = `${directory}/00000000000000000001.seg`;
      const content = await readFile(path);
      await log.close();
      const { at, end } = framesOf(content).at(-1) ?? { at: 0, end: 0 };
      await writeFile(path, content.fill(0, at + 60, end));
      const again = await openLog(disk, directory);
      expect(await contentOf(again.log, 1)).toEqual(before);
      await again.log.append({ group: 1, entries: [entry(6, 2)] });
      const after = await contentOf(again.log, 1);
      await again.log.close();
      const third = await openLog(disk, directory);
      expect(await contentOf(third.log, 1)).toEqual(after);
      await third.log.close();
      await disk.close();
    }));
});

describe("damage (trap 45)", () => {
  it("in any byte of a closed segment is refused, and nothing is changed", async () => {
    const { files } = await written();
    expect(files.size).toBeGreaterThan(2);
    await expectFlipsRefused(files, pathOf(1), 0, SEGMENT);
    await expectFlipsRefused(files, pathOf(2), 0, SEGMENT);
  });

  it("in any byte of the last segment before its last frame is refused, and nothing is changed", async () => {
    const { files, last, frames } = await written();
    expect(frames.length).toBeGreaterThan(1);
    await expectFlipsRefused(files, last, 0, frames.at(-1)?.at ?? 0);
  });

  it("in any byte of a frame with records is refused after an orderly close", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT });
    await log.append({ group: 1, entries: [entry(1)] });
    await log.close();
    const frames = framesOf(disk.files().get(pathOf(1)) ?? Buffer.alloc(0));
    expect(frames.map(({ at, end }) => end - at)).toEqual([136, 48]);
    await expectFlipsRefused(disk.files(), pathOf(1), 0, frames[1]?.at ?? 0);
    // Opened and closed without a write, it stays as it is.
    const { disk: again } = await attempt(disk.files());
    expect(again.files()).toEqual(disk.files());
  });

  it("that leaves a hole of zeros before a frame is refused", async () => {
    const { files, last, frames } = await written();
    const { at, end } = frames[0] ?? { at: 0, end: 0 };
    const holed = changed(files, last, (content) => {
      content.fill(0, at, end);
    });
    await expectRefused(holed, "CORRUPT", new RegExp(`offset \\(${at}\\)`));
  });

  it("of a real file names the file, leaves it alone and says what to do", () =>
    withDirectory(async (directory) => {
      const disk = nodeDisk();
      const { log } = await openLog(disk, directory);
      for (let i = 1; i <= 3; i++) await log.append({ group: 1, entries: [entry(i)] });
      await log.close();
      const path = `${directory}/00000000000000000001.seg`;
      const content = await readFile(path);
      const at = framesOf(content)[1]?.at ?? 0;
      content[at + 70] = 0xff;
      await writeFile(path, content);
      await expect(openLog(disk, directory)).rejects.toMatchObject({
        code: "CORRUPT",
        message: expect.stringMatching(
          `${path}, offset \\(${at}\\): .*Remove this member`,
        ) as string,
      });
      expect((await readFile(path)).equals(content)).toBe(true);
      expect(await readdir(directory)).toEqual(["00000000000000000001.seg"]);
      await disk.close();
    }));

  it("of an entry, found when it is read, names file and offset", async () => {
    const { files } = await written();
    const disk = MemoryDisk.holding(files);
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT });
    const at = framesOf(files.get(pathOf(1)) ?? Buffer.alloc(0))[0]?.at ?? 0;
    const file = await disk.open(pathOf(1));
    await file.write(at + 48 + 12 + 60, [Buffer.from([1, 2, 3])]);
    await expect(log.group(1).read(1, 2, 1_000)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`${pathOf(1)}, offset (${at + 60})`) as string,
    });
    const second = framesOf(files.get(pathOf(1)) ?? Buffer.alloc(0))[1]?.at ?? 0;
    await file.write(second + 48 + 12 + 60, [Buffer.from([1, 2, 3])]);
    await file.write(at + 48 + 12 + 60, [
      Buffer.alloc(3, files.get(pathOf(1))?.[at + 48 + 12 + 60]),
    ]);
    await expect(log.group(1).read(1, 3, 1_000)).rejects.toMatchObject({
      message: expect.stringContaining(
        `${pathOf(1)}, offset (${second + 60}): entry (2)`,
      ) as string,
    });
    await log.close();
  });
});

describe("an entry in the place of another", () => {
  it("is not taken for it, though it is whole in itself", async () => {
    const disk = new MemoryDisk();
    const { log } = await openLog(disk, DIRECTORY, { segmentBytes: SEGMENT, cacheBytes: 0 });
    await log.append({ group: 1, entries: entries(1, 2) });
    const file = await disk.open(pathOf(1));
    const { at } = framesOf(disk.files().get(pathOf(1)) ?? Buffer.alloc(0))[0] ?? { at: 0 };
    const first = at + 48 + 12;
    const second = first + 72 + 12;
    await file.write(second, [await file.read(first, 72)]);
    expect(await log.group(1).read(1, 2, 1_000)).toEqual([entry(1)]);
    await expect(log.group(1).read(2, 3, 1_000)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`offset (${second}): entry (2) should be here`) as string,
    });
    await log.close();
    await file.close();
  });
});

describe("a misdirected or lost write", () => {
  it("of one frame over another is refused", async () => {
    const { files } = await written();
    const first = files.get(pathOf(1)) ?? Buffer.alloc(0);
    const [a, b] = framesOf(first);
    if (a === undefined || b === undefined) throw new Error("too few frames");
    expect(a.end - a.at).toBe(b.end - b.at);
    const copied = changed(files, pathOf(1), (content) => {
      first.copy(content, b.at, a.at, a.end);
    });
    await expectRefused(copied, "CORRUPT", /belongs to another place/);
    const swapped = changed(copied, pathOf(1), (content) => {
      first.copy(content, a.at, b.at, b.end);
    });
    await expectRefused(swapped, "CORRUPT", /belongs to another place/);
  });

  it("of a frame to the same place of another segment is refused", async () => {
    const { files } = await written();
    // From the second segment on, the heads are equally long: they know of one group.
    const two = files.get(pathOf(2)) ?? Buffer.alloc(0);
    const [, { at, end } = { at: 0, end: 0 }] = framesOf(two);
    expect(framesOf(files.get(pathOf(3)) ?? Buffer.alloc(0))[1]).toEqual({ at, end });
    const copied = changed(files, pathOf(3), (content) => {
      two.copy(content, at, at, end);
    });
    await expectRefused(copied, "CORRUPT", /belongs to another segment/);
  });

  it("of a frame that took an older one's place does not fit the chain", async () => {
    const { files, last, frames } = await written();
    const { at } = frames[0] ?? { at: 0 };
    // A frame that is right in itself, but says that it follows on another one.
    const forged = changed(files, last, (content) => {
      content[at + 12] = (content[at + 12] ?? 0) ^ 1;
      const end = at + 48 + content.readUInt32LE(at + 4);
      content.writeUInt32LE(crc32c(content.subarray(at + 12, end)), at + 8);
    });
    await expectRefused(forged, "CORRUPT", /does not follow on the one before/);
  });
});

describe("the files of a log", () => {
  it("are refused when one is missing in the middle or at the start", async () => {
    const { files } = await written();
    const without = (number: number): Map<string, Buffer> =>
      new Map([...files].filter(([path]) => path !== pathOf(number)));
    await expectRefused(without(2), "CORRUPT", /00002\.seg.*a segment is missing/);
    await expectRefused(without(1), "CORRUPT", /entries of group \(1\) before \(\d+\) are missing/);
  });

  it("are refused when two are swapped, or one is there twice", async () => {
    const { files } = await written();
    const [one, two] = [files.get(pathOf(1)), files.get(pathOf(2))];
    if (one === undefined || two === undefined) throw new Error("too few segments");
    const swapped = new Map(files).set(pathOf(1), two).set(pathOf(2), one);
    await expectRefused(swapped, "CORRUPT", /segment \(2\) under another name/);
    const twice = new Map(files).set(pathOf(2), one);
    await expectRefused(twice, "CORRUPT", /segment \(1\) under another name/);
  });

  it("are refused when a name is not one of ours, and other files are left alone", async () => {
    const { files } = await written();
    const [one] = [files.get(pathOf(1)) ?? Buffer.alloc(0)];
    await expectRefused(
      new Map(files).set(`${DIRECTORY}/1.seg`, one),
      "CORRUPT",
      /no name of a segment/,
    );
    const { content, disk } = await attempt(new Map(files).set(`${DIRECTORY}/notes.txt`, one));
    expect(content).toBeDefined();
    expect(disk.names.has(`${DIRECTORY}/notes.txt`)).toBe(true);
  });

  it("are refused when one was cut short", async () => {
    const { files, last } = await written();
    for (const size of [0, 8, 50, 1000, SEGMENT - 1]) {
      const cut = (files.get(last) ?? Buffer.alloc(0)).subarray(0, size);
      await expectRefused(
        new Map(files).set(last, cut),
        "CORRUPT",
        /\.seg, offset/,
        `${size} bytes`,
      );
    }
  });

  it("are refused when they are another cluster's, node's or life's", async () => {
    const { files } = await written();
    const identity = { clusterId: Buffer.alloc(16, 7), nodeId: 1, incarnation: 11 };
    for (const [other, named] of [
      [{ ...identity, clusterId: Buffer.alloc(16, 8) }, /cluster \(0707.*not to \(0808/],
      [{ ...identity, nodeId: 2 }, /node \(1\), not to \(2\)/],
      [{ ...identity, incarnation: 12 }, /incarnation \(11\), not to \(12\)/],
    ] as const) {
      const { error, disk } = await attempt(files, { identity: other });
      expect(error?.code).toBe("IDENTITY");
      expect(error?.message).toMatch(named);
      expect(disk.operations).toEqual([]);
    }
  });

  it("of a newer version are refused by that name", async () => {
    const { files, last, frames } = await written();
    const { at } = frames[0] ?? { at: 0 };
    const reseal = (content: Buffer): void => {
      const end = at + 48 + content.readUInt32LE(at + 4);
      content.writeUInt32LE(crc32c(content.subarray(at + 12, end)), at + 8);
    };
    const newerFrame = changed(files, last, (content) => {
      content[at + 16] = 2;
      reseal(content);
    });
    await expectRefused(newerFrame, "UNSUPPORTED", /frame of version \(2\)/);
    const newerRecord = changed(files, last, (content) => {
      content[at + 48] = 9;
      reseal(content);
    });
    await expectRefused(newerRecord, "UNSUPPORTED", /record of kind \(9\)/);
    const newerFlags = changed(files, last, (content) => {
      content[at + 49] = 1;
      reseal(content);
    });
    await expectRefused(newerFlags, "UNSUPPORTED", /record of flags \(1\)/);
    const newerHead = changed(files, last, (content) => {
      content.writeUInt16LE(2, 16);
      content.writeUInt32LE(crc32c(content.subarray(16, content.readUInt32LE(8))), 12);
    });
    await expectRefused(newerHead, "UNSUPPORTED", /segment of version \(2\)/);
  });

  it("lose what an interrupted creation left", async () => {
    const { files, after } = await written();
    const path = `${pathOf(9)}.tmp`;
    const { content, disk } = await attempt(new Map(files).set(path, Buffer.alloc(100)));
    expect(content).toEqual(after);
    expect([...disk.names.keys()].sort()).toEqual([...files.keys()].sort());
  });
});
