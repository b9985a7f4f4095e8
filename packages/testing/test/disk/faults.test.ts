import { describe, expect, it } from "vitest";
import { formatTraceEvent } from "../../src/trace/trace.ts";
import { DiskUnderTest, filled, tally } from "./disk-fixture.ts";

describe("a sync that fails", () => {
  it("is reported once, and what it was to save is gone", async () => {
    const outcomes = await tally(80, async (seed) => {
      const under = new DiskUnderTest(seed);
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(under.mounted.syncDirectory("/"));
      await under.run(file.appendAndSync(0, [filled(2_048, 1)]));
      under.disk.faults.syncError = 1;
      const failed = await under.run(file.appendAndSync(0, [filled(2_048, 2)]).catch(String));
      expect(failed).toBe("DiskError: cannot append to /file (EIO: i/o error)");
      under.disk.faults.calm();
      const seen = (await under.read("/file"))[0] ?? 0;
      // Another descriptor hears of nothing.
      const other = await under.run(under.mounted.open("/file"));
      await under.run(other.sync());
      under.crash({ power: true });
      const sectors = new Set(await under.read("/file"));
      const left = sectors.size === 2 ? "parts" : sectors.has(2) ? "new" : "old";
      return `seen: ${seen}, left: ${left}`;
    });
    // Programs go on seeing what is not there.
    expect(Object.keys(outcomes)).toEqual(
      expect.arrayContaining(["seen: 2, left: old", "seen: 2, left: parts", "seen: 1, left: old"]),
    );
  });

  it("may come to light when the process dies", async () => {
    const outcomes = await tally(80, async (seed) => {
      const under = new DiskUnderTest(seed);
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(file.appendAndSync(0, [filled(512, 1)]));
      under.disk.faults.syncError = 1;
      await under.run(file.write(0, [filled(512, 2)]));
      await under.run(file.sync().catch(() => undefined));
      const before = (await under.read("/file"))[0] ?? 0;
      under.crash({ power: false });
      return `${before} ${(await under.read("/file"))[0] ?? 0}`;
    });
    expect(Object.keys(outcomes).sort()).toEqual(["1 1", "2 1", "2 2"]);
  });

  it("does not keep anybody from writing it again", async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const under = new DiskUnderTest(seed);
      await under.run(under.mounted.writeFileAtomic("/file", filled(2_000, 1)));
      const file = await under.run(under.mounted.open("/file"));
      under.disk.faults.syncError = 1;
      await under.run(file.write(0, [filled(2_000, 2)]));
      await under.run(file.sync().catch(() => undefined));
      under.disk.faults.calm();
      const other = await under.run(under.mounted.open("/file"));
      await under.run(other.appendAndSync(0, [filled(2_000, 3)]));
      under.crash({ power: true });
      expect(await under.read("/file")).toEqual(filled(2_000, 3));
    }
  });

  it("is the last thing that an open file writes", async () => {
    const under = new DiskUnderTest(1);
    const file = await under.run(under.mounted.open("/file", { create: true }));
    under.disk.faults.syncError = 1;
    const queued = Promise.allSettled(
      [1, 2, 3].map((value) => file.appendAndSync(0, [filled(1, value)])),
    );
    const [first, ...rest] = await under.run(queued);
    if (first?.status !== "rejected") return expect.fail("the sync did not fail");
    const failure: unknown = first.reason;
    for (const each of rest) expect(each).toMatchObject({ status: "rejected", reason: failure });
    under.disk.faults.calm();
    for (const late of [
      () => file.write(0, [filled(1, 9)]),
      () => file.appendAndSync(0, []),
      () => file.sync(),
      () => file.truncate(0),
    ]) {
      await expect(under.run(late())).rejects.toBe(failure);
    }
    expect(under.disk.shown.get("sync-error")).toBe(1);
  });

  it("of a directory leaves its names unsaved", async () => {
    const outcomes = await tally(40, async (seed) => {
      const under = new DiskUnderTest(seed);
      await under.run(under.mounted.open("/file", { create: true }));
      under.disk.faults.syncError = 1;
      await expect(under.run(under.mounted.syncDirectory("/"))).rejects.toMatchObject({
        code: "IO",
      });
      under.crash({ power: true });
      return (await under.run(under.mounted.list("/"))).join();
    });
    expect(Object.keys(outcomes).sort()).toEqual(["", "file"]);
  });
});

describe("a full disk", () => {
  it("takes what fits, says FULL, and recovers when space is freed", async () => {
    const under = new DiskUnderTest(1);
    await under.run(under.mounted.writeFileAtomic("/ballast", filled(5_000, 1)));
    const file = await under.run(under.mounted.open("/file", { create: true }));
    under.disk.faults.capacityBytes = 8_000;
    await expect(under.run(file.write(0, [filled(4_000, 2)]))).rejects.toMatchObject({
      code: "FULL",
      path: "/file",
      message: "cannot write /file (ENOSPC: no space left on device)",
    });
    expect(await under.read("/file")).toEqual(filled(3_000, 2));
    await expect(under.run(under.mounted.open("/other", { create: true }))).rejects.toMatchObject({
      code: "FULL",
    });
    // What is there may be written over.
    await under.run(file.write(0, [filled(3_000, 3)]));
    await under.run(under.mounted.remove("/ballast"));
    await under.run(file.write(0, [filled(4_000, 4)]));
    expect(await under.read("/file")).toEqual(filled(4_000, 4));
    expect(under.disk.usedBytes).toBe(4_000);
    expect(under.disk.shown.get("full")).toBe(2);
  });

  it("leaves nothing of a replacement that did not fit", async () => {
    const under = new DiskUnderTest(1);
    await under.run(under.mounted.writeFileAtomic("/file", filled(1_000, 1)));
    under.disk.faults.capacityBytes = 1_500;
    const replacing = under.mounted.writeFileAtomic("/file", filled(1_000, 2));
    await expect(under.run(replacing)).rejects.toMatchObject({ code: "FULL" });
    expect(await under.run(under.mounted.list("/"))).toEqual(["file"]);
    expect(await under.read("/file")).toEqual(filled(1_000, 1));
  });
});

describe("other faults", () => {
  it("a read fails, and the next one may not", async () => {
    const under = new DiskUnderTest(1);
    await under.run(under.mounted.writeFileAtomic("/file", filled(10, 1)));
    const file = await under.run(under.mounted.open("/file"));
    under.disk.faults.readError = 1;
    for (const read of [file.read(0, 10), under.mounted.readFile("/file")]) {
      await expect(under.run(read)).rejects.toMatchObject({
        code: "IO",
        message: "cannot read /file (EIO: i/o error)",
      });
    }
    under.disk.faults.readError = 0;
    expect(await under.run(file.read(0, 10))).toEqual(filled(10, 1));
  });

  it("a sync stalls, and everything may take longer", async () => {
    const under = new DiskUnderTest(1);
    const file = await under.run(under.mounted.open("/file", { create: true }));
    const duration = async (): Promise<number> => {
      const before = under.world.now;
      await under.run(file.appendAndSync(0, [filled(10, 1)]));
      return under.world.now - before;
    };
    expect(await duration()).toBeLessThan(5);
    under.disk.faults.stall = 1;
    under.disk.faults.stallMs = { min: 300, max: 400 };
    expect(await duration()).toBeGreaterThan(300);
    under.disk.faults.calm();
    under.disk.faults.latency = 1_000;
    expect(await duration()).toBeGreaterThan(100);
  });

  it("a write goes astray: its place keeps what it had, another one loses it", async () => {
    const outcomes = await tally(60, async (seed) => {
      const told: string[] = [];
      const under = new DiskUnderTest(seed, { misdirected: (what) => told.push(what) });
      await under.run(under.mounted.writeFileAtomic("/one", filled(4_096, 1)));
      await under.run(under.mounted.writeFileAtomic("/two", filled(4_096, 2)));
      const file = await under.run(under.mounted.open("/one"));
      under.disk.faults.misdirectedWrite = 1;
      await under.run(file.appendAndSync(0, [filled(512, 3)]));
      expect(told).toHaveLength(1);
      // Nobody sees it as long as the system remembers.
      expect((await under.read("/one"))[0]).toBe(3);
      under.crash({ power: true });
      const [one, two] = [await under.read("/one"), await under.read("/two")];
      expect([one.length, two.length]).toEqual([4_096, 4_096]);
      const at = [one, two].map((bytes) => bytes.indexOf(3));
      expect(at.filter((offset) => offset !== -1)).toHaveLength(1);
      expect(Math.max(...at) % 512).toBe(0);
      expect(told[0]).toContain(`goes to /${at[0] === -1 ? "two" : "one"} at ${Math.max(...at)}`);
      return at[0] === -1 ? "other file" : at[0] === 0 ? "luck" : "same file";
    });
    expect(Object.keys(outcomes).sort()).toEqual(["luck", "other file", "same file"]);
  });

  it("tells of each in the trace", async () => {
    const under = new DiskUnderTest(1);
    const file = await under.run(under.mounted.open("/file", { create: true }));
    under.disk.faults.syncError = 1;
    await under.run(file.sync().catch(() => undefined));
    expect(under.trace.map(formatTraceEvent)).toEqual([
      expect.stringMatching(/^ +\d+\.\d{3} disk {4}1: cannot sync \/file$/),
    ]);
  });
});

describe("corrupt", () => {
  it("changes one sector of something that was synced, and says where", async () => {
    const outcomes = await tally(60, async (seed) => {
      const under = new DiskUnderTest(seed);
      expect(under.disk.corrupt(under.random)).toBeUndefined();
      const contents = new Map<string, Uint8Array>();
      for (const path of ["/one", "/two"]) {
        contents.set(path, under.random.bytes(3_000));
        await under.run(under.mounted.writeFileAtomic(path, contents.get(path) ?? filled(0, 0)));
      }
      const what = under.disk.corrupt(under.random) ?? "";
      const [, path = "", offset = ""] = /^(\S+), offset \((\d+)\): /.exec(what) ?? [];
      const changed: string[] = [];
      for (const [each, before] of contents) {
        const after = await under.read(each);
        expect(after.length).toBe(before.length);
        for (const [at, byte] of after.entries()) {
          if (byte !== before[at]) changed.push(`${each} ${at - (at % 512)}`);
        }
      }
      const sector = Number(offset) - (Number(offset) % 512);
      expect(new Set(changed)).toEqual(new Set([`${path} ${sector}`]));
      if (what.includes("bit")) expect(changed).toHaveLength(1);
      return what.replaceAll(/.*: |\/\w+|\d+/g, "");
    });
    expect(Object.keys(outcomes)).toHaveLength(3);
  });
});
