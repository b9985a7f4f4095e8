import { describe, expect, it } from "vitest";
import { DiskUnderTest, filled, tally } from "./disk-fixture.ts";

const SECTOR_BYTES = 512;

/** What a byte may be after a power cut: what was synced, or what was written since. */
class ByteModel {
  readonly #allowed: Set<number>[] = [];
  #synced = 0;

  get syncedSize(): number {
    return this.#synced;
  }

  get size(): number {
    return this.#allowed.length;
  }

  write(at: number, bytes: Uint8Array): void {
    while (this.#allowed.length < at + bytes.length) this.#allowed.push(new Set([0]));
    for (const [offset, byte] of bytes.entries()) this.#allowed[at + offset]?.add(byte);
  }

  sync(visible: Uint8Array): void {
    this.#synced = visible.length;
    for (const [offset, byte] of visible.entries()) this.#allowed[offset] = new Set([byte]);
  }

  allows(offset: number, byte: number): boolean {
    return this.#allowed[offset]?.has(byte) ?? false;
  }
}

describe("a power cut", () => {
  it("leaves what was synced, and of the rest nothing that nobody wrote", async () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const under = new DiskUnderTest(seed);
      const { random } = under;
      const model = new ByteModel();
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(under.mounted.syncDirectory("/"));
      for (let left = random.integer(1, 12); left > 0; left -= 1) {
        const at = random.integer(0, 6_000);
        const bytes = random.bytes(random.integer(1, 3_000));
        const choice = random.integer(0, 4);
        model.write(at, bytes);
        if (choice < 3) await under.run(file.write(at, [bytes]));
        else await under.run(file.appendAndSync(at, [bytes.subarray(0, 9), bytes.subarray(9)]));
        if (choice === 2) await under.run(file.sync());
        if (choice >= 2) model.sync(await under.read("/file"));
      }
      under.crash({ power: true });
      const left = await under.read("/file");
      expect(left.length).toBeGreaterThanOrEqual(model.syncedSize);
      expect(left.length).toBeLessThanOrEqual(model.size);
      const strange = left.findIndex((byte, offset) => !model.allows(offset, byte));
      expect({ seed, strange }).toEqual({ seed, strange: -1 });
    }
  });

  it("tears a write at sectors, in any order", async () => {
    const outcomes = await tally(200, async (seed) => {
      const under = new DiskUnderTest(seed);
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(under.mounted.syncDirectory("/"));
      await under.run(file.appendAndSync(0, [filled(3 * SECTOR_BYTES, 1)]));
      await under.run(file.write(100, [filled(2 * SECTOR_BYTES, 2)]));
      under.crash({ power: true });
      const left = await under.read("/file");
      expect(left.length).toBe(3 * SECTOR_BYTES);
      const parts = [
        left.subarray(0, 100),
        left.subarray(100, SECTOR_BYTES),
        left.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES),
        left.subarray(2 * SECTOR_BYTES, 2 * SECTOR_BYTES + 100),
        left.subarray(2 * SECTOR_BYTES + 100),
      ];
      // No sector is half old and half new, but where the write itself begins and ends.
      for (const part of parts) expect(new Set(part).size).toBe(1);
      expect([parts[0]?.[0], parts[4]?.[0]]).toEqual([1, 1]);
      return parts
        .slice(1, 4)
        .map((part) => part[0])
        .join("");
    });
    expect(Object.keys(outcomes).sort()).toEqual(
      ["111", "112", "121", "122", "211", "212", "221", "222"].sort(),
    );
  });

  it("may keep the length of a file without its content", async () => {
    const outcomes = await tally(100, async (seed) => {
      const under = new DiskUnderTest(seed);
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(under.mounted.syncDirectory("/"));
      await under.run(file.write(0, [filled(SECTOR_BYTES, 1)]));
      under.crash({ power: true });
      const left = await under.read("/file");
      return `${left.length}: ${left[0] ?? "nothing"}`;
    });
    expect(Object.keys(outcomes).sort()).toEqual(["0: nothing", "512: 0", "512: 1"]);
  });

  it("counts what it took", async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 20; seed += 1) {
      const under = new DiskUnderTest(seed);
      await under.run(under.mounted.writeFileAtomic("/old", filled(3, 1)));
      const file = await under.run(under.mounted.open("/old"));
      await under.run(file.write(0, [filled(2_000, 1)]));
      await under.run(under.mounted.open("/new", { create: true }));
      under.crash({ power: true });
      for (const [what, times] of under.disk.shown) {
        counts.set(what, (counts.get(what) ?? 0) + times);
      }
    }
    expect([...counts.keys()].sort()).toEqual(["names-lost", "write-lost", "write-torn"]);
  });

  it("changes the name of the boot, as the death of a process does not", async () => {
    const under = new DiskUnderTest(1);
    const first = await under.mounted.bootId();
    under.crash({ power: false });
    expect(await under.mounted.bootId()).toBe(first);
    under.crash({ power: true });
    expect(await under.mounted.bootId()).not.toBe(first);
  });
});

describe("a power cut and names", () => {
  it("loses a new file or keeps it, until its directory is synced", async () => {
    const created = (sync: boolean) =>
      tally(60, async (seed) => {
        const under = new DiskUnderTest(seed);
        await under.run(under.mounted.createDirectory("/data"));
        const file = await under.run(under.mounted.open("/data/new", { create: true }));
        await under.run(file.appendAndSync(0, [filled(3, 1)]));
        if (sync) await under.run(under.mounted.syncDirectory("/data"));
        under.crash({ power: true });
        const names = await under.run(under.mounted.list("/data"));
        if (names.length > 0) expect(await under.read("/data/new")).toEqual(filled(3, 1));
        return names.join();
      });
    expect(Object.keys(await created(false)).sort()).toEqual(["", "new"]);
    expect(await created(true)).toEqual({ new: 60 });
  });

  it("takes a rename back or keeps it, but never half of it", async () => {
    const renamed = (sync: boolean, target: string) =>
      tally(60, async (seed) => {
        const under = new DiskUnderTest(seed);
        const { mounted } = under;
        await under.run(mounted.createDirectory("/a"));
        await under.run(mounted.createDirectory("/b"));
        await under.run(mounted.writeFileAtomic("/a/from", filled(3, 1)));
        await under.run(mounted.writeFileAtomic(target, filled(3, 2)));
        await under.run(mounted.rename("/a/from", target));
        if (sync) await under.run(mounted.syncDirectory(target.slice(0, 2)));
        under.crash({ power: true });
        const now = await under.read(target);
        const names = await under.run(under.mounted.list("/a"));
        return names.includes("from") ? `back: ${now[0] ?? 0}` : `done: ${now[0] ?? 0}`;
      });
    for (const target of ["/a/to", "/b/to"]) {
      expect(Object.keys(await renamed(false, target)).sort()).toEqual(["back: 2", "done: 1"]);
      expect(await renamed(true, target)).toEqual({ "done: 1": 60 });
    }
  });

  it("brings back what was removed, or does not, until the directory is synced", async () => {
    const removed = (sync: boolean) =>
      tally(60, async (seed) => {
        const under = new DiskUnderTest(seed);
        await under.run(under.mounted.createDirectory("/data/inner"));
        await under.run(under.mounted.writeFileAtomic("/data/inner/file", filled(3, 1)));
        await under.run(under.mounted.remove("/data/inner"));
        if (sync) await under.run(under.mounted.syncDirectory("/data"));
        under.crash({ power: true });
        const inner = await under.run(under.mounted.stat("/data/inner"));
        const file = await under.run(under.mounted.stat("/data/inner/file"));
        return [inner, file].map((found) => (found === undefined ? "gone" : "back")).join(" ");
      });
    expect(Object.keys(await removed(false)).sort()).toEqual([
      "back back",
      "back gone",
      "gone gone",
    ]);
    expect(await removed(true)).toEqual({ "gone gone": 60 });
  });

  it("leaves the old file or the new one when it falls into writeFileAtomic", async () => {
    const outcomes = await tally(150, async (seed) => {
      const under = new DiskUnderTest(seed);
      await under.run(under.mounted.createDirectory("/data"));
      await under.run(under.mounted.writeFileAtomic("/data/file", filled(3_000, 1)));
      const replaced = { yes: false };
      void under.mounted.writeFileAtomic("/data/file", filled(2_000, 2)).then(() => {
        replaced.yes = true;
      });
      await under.runFor(under.random.integer(0, 50) / 10);
      under.crash({ power: seed % 2 === 0 });
      const left = await under.read("/data/file");
      const version = left[0] ?? 0;
      expect(left).toEqual(version === 1 ? filled(3_000, 1) : filled(2_000, 2));
      if (replaced.yes) expect(version).toBe(2);
      return `${version}${replaced.yes ? " acknowledged" : ""}`;
    });
    expect(Object.keys(outcomes).sort()).toEqual(["1", "2", "2 acknowledged"]);
  });
});

describe("the death of a process", () => {
  it("loses nothing that the system was given", async () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const under = new DiskUnderTest(seed);
      const bytes = under.random.bytes(under.random.integer(1, 9_000));
      const file = await under.run(under.mounted.open("/file", { create: true }));
      await under.run(file.write(10, [bytes]));
      under.crash({ power: false });
      expect((await under.read("/file")).subarray(10)).toEqual(bytes);
    }
  });

  it("cuts the append under way anywhere, and those behind it never happen", async () => {
    const outcomes = await tally(100, async (seed) => {
      const under = new DiskUnderTest(seed);
      const file = await under.run(under.mounted.open("/file", { create: true }));
      const settled: string[] = [];
      void file.appendAndSync(0, [filled(1_000, 1)]).then(() => settled.push("first"));
      void file.appendAndSync(1_000, [filled(1_000, 2)]).then(() => settled.push("second"));
      // Begun, and not done.
      await under.runFor(0.05);
      under.crash({ power: false });
      await under.runFor(1_000);
      expect(settled).toEqual([]);
      const left = await under.read("/file");
      expect(left).toEqual(filled(left.length, 1));
      return left.length === 0 ? "none" : left.length < 1_000 ? "part" : "all";
    });
    expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(["part", "all"]));
  });

  it("frees its locks", async () => {
    const under = new DiskUnderTest(1);
    await under.run(under.mounted.createDirectory("/data"));
    await under.run(under.mounted.lock("/data"));
    await expect(under.run(under.mounted.lock("/data"))).rejects.toMatchObject({ code: "LOCKED" });
    under.crash({ power: false });
    await under.run((await under.run(under.mounted.lock("/data"))).release());
  });

  it("silences what it had begun", async () => {
    const under = new DiskUnderTest(1);
    const old = under.mounted;
    let heard = false;
    const file = await under.run(old.open("/file", { create: true }));
    void file.size().finally(() => {
      heard = true;
    });
    under.crash({ power: false });
    void old.writeFileAtomic("/ghost", filled(1, 1));
    void file.appendAndSync(0, [filled(1, 1)]);
    await under.runFor(1_000);
    expect(heard).toBe(false);
    expect(await under.run(under.mounted.list("/"))).toEqual(["file"]);
    expect(await under.read("/file")).toEqual(new Uint8Array());
  });
});

it("wipe leaves an empty disk", async () => {
  const under = new DiskUnderTest(1);
  await under.run(under.mounted.writeFileAtomic("/file", filled(10, 1)));
  under.crash({ power: true });
  under.disk.wipe();
  expect(await under.run(under.mounted.list("/"))).toEqual([]);
  expect(under.disk.usedBytes).toBe(0);
});
