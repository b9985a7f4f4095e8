import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Disk, DiskFile } from "../../src/disk.ts";
import { DiskError } from "../../src/errors.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const bytesOf = (buffers: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(buffers));

/** A disk under test, with an empty directory that is its own. */
export interface DiskFixture {
  readonly disk: Disk;
  readonly directory: string;
  cleanUp(): Promise<void>;
}

/** What every {@link Disk} promises. */
export function diskSuite(name: string, create: () => Promise<DiskFixture>): void {
  let disk: Disk;
  let at: (name: string) => string;
  let directory: string;
  let cleanUp: () => Promise<void>;

  beforeEach(async () => {
    const fixture = await create();
    ({ disk, directory } = fixture);
    cleanUp = () => fixture.cleanUp();
    at = (file) => `${directory}/${file}`;
  });
  afterEach(async () => {
    await disk.close();
    await cleanUp();
  });

  async function withFile(path: string, use: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = await disk.open(path, { create: true });
    try {
      await use(file);
    } finally {
      await file.close();
    }
  }

  const fails = (code: string, path: string): unknown =>
    expect.objectContaining({ name: "DiskError", code, path });

  describe(`${name}: files`, () => {
    it("opens what is there, makes what is asked for, and says why not", async () => {
      await expect(disk.open(at("a"))).rejects.toEqual(fails("NOT_FOUND", at("a")));
      await (await disk.open(at("a"), { create: true })).close();
      await (await disk.open(at("a"), { create: true })).close();
      await (await disk.open(at("a"))).close();
      await expect(disk.open(at("a"), { create: true, exclusive: true })).rejects.toEqual(
        fails("ALREADY_EXISTS", at("a")),
      );
      await (await disk.open(at("b"), { exclusive: true })).close();
      await expect(disk.open(at("no/b"), { create: true })).rejects.toEqual(
        fails("NOT_FOUND", at("no/b")),
      );
      await expect(disk.open(directory)).rejects.toEqual(fails("IO", directory));
    });

    it("does not truncate what it opens", async () => {
      await withFile(at("a"), (file) => file.write(0, [text("kept")]));
      await withFile(at("a"), async (file) => {
        expect(await file.size()).toBe(4);
      });
    });

    it("reads fewer bytes at the end, and none beyond", async () => {
      await withFile(at("a"), async (file) => {
        await file.write(0, [text("0123456789")]);
        expect(await file.read(2, 3)).toEqual(text("234"));
        expect(await file.read(8, 100)).toEqual(text("89"));
        expect(await file.read(10, 5)).toEqual(new Uint8Array());
        expect(await file.read(1_000, 5)).toEqual(new Uint8Array());
        expect(await file.read(0, 0)).toEqual(new Uint8Array());
      });
    });

    it("gives every reader a buffer of its own", async () => {
      await withFile(at("a"), async (file) => {
        await file.write(0, [text("same")]);
        const [one, two] = await Promise.all([file.read(0, 4), file.read(0, 4)]);
        one.fill(0);
        expect(two).toEqual(text("same"));
        expect(await file.read(0, 4)).toEqual(text("same"));
      });
    });

    it("fills a gap with zeros, and truncates in both directions", async () => {
      await withFile(at("a"), async (file) => {
        await file.write(4, [text("end")]);
        expect(await file.read(0, 10)).toEqual(Uint8Array.from([0, 0, 0, 0, ...text("end")]));
        await file.truncate(5);
        expect(await file.read(0, 10)).toEqual(Uint8Array.from([0, 0, 0, 0, ...text("e")]));
        await file.truncate(8);
        expect(await file.size()).toBe(8);
        await file.sync();
      });
    });

    it.each(["write", "appendAndSync"] as const)(
      "%s: leaves what a naive file would",
      async (method) => {
        const buffer = fc.uint8Array({ maxLength: 40 });
        const write = fc.tuple(fc.nat(300), fc.array(buffer, { maxLength: 6 }));
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(write, { maxLength: 8 }), async (writes) => {
            run += 1;
            await withFile(at(`file-${run}`), async (file) => {
              const model = new Uint8Array(1_000);
              let size = 0;
              for (const [position, buffers] of writes) {
                await file[method](position, buffers);
                const bytes = bytesOf(buffers);
                model.set(bytes, position);
                if (bytes.length > 0) size = Math.max(size, position + bytes.length);
              }
              expect(await file.size()).toBe(size);
              expect(await file.read(0, 1_000)).toEqual(model.slice(0, size));
            });
          }),
          { numRuns: 60 },
        );
      },
    );

    // IOV_MAX is 1,024 on Linux: more buffers than that need several calls.
    it.each(["write", "appendAndSync"] as const)(
      "%s: takes 3,000 buffers and 5 MiB",
      async (method) => {
        const many = Array.from({ length: 3_000 }, (_, index) => text(`${index},`));
        const large = [1, 2, 3].map((value) => new Uint8Array(1_747_627).fill(value));
        await withFile(at("a"), async (file) => {
          await file[method](1, many);
          expect(await file.read(1, 100_000)).toEqual(bytesOf(many));
          await file[method](0, large);
          expect(Buffer.compare(await file.read(0, 6 << 20), bytesOf(large))).toBe(0);
        });
      },
    );

    // Consumers hand over slices of bigger buffers; the rest of those is none of the file's business.
    it.each(["write", "appendAndSync"] as const)(
      "%s: writes views, and leaves them usable",
      async (method) => {
        const whole = text("-middle-");
        await withFile(at("a"), async (file) => {
          await file[method](0, [whole.subarray(1, 4), whole.subarray(4, 7)]);
          expect(await file.read(0, 100)).toEqual(text("middle"));
          expect(whole).toEqual(text("-middle-"));
        });
      },
    );
  });

  describe(`${name}: appendAndSync`, () => {
    it("carries out 1,000 concurrent calls in order, and settles them in order", async () => {
      await withFile(at("log"), async (file) => {
        const settled: number[] = [];
        // All write the same place, so that the file shows which came last, and one more at a place of their own.
        await Promise.all(
          Array.from({ length: 1_000 }, async (_, call) => {
            await file.appendAndSync(0, [
              text(String(call).padStart(4)),
              text(`${call}`.padEnd(call % 9)),
            ]);
            settled.push(call);
          }),
        );
        expect(settled).toEqual(Array.from({ length: 1_000 }, (_, call) => call));
        expect(await file.read(0, 4)).toEqual(text(" 999"));
      });
    });

    it("keeps the order across files", async () => {
      await withFile(at("one"), (one) =>
        withFile(at("two"), async (two) => {
          const settled: number[] = [];
          await Promise.all(
            Array.from({ length: 200 }, async (_, call) => {
              await (call % 3 === 0 ? one : two).appendAndSync(call, [text("x")]);
              settled.push(call);
            }),
          );
          expect(settled).toEqual(Array.from({ length: 200 }, (_, call) => call));
        }),
      );
    });

    it("is carried out before close resolves", async () => {
      const file = await disk.open(at("log"), { create: true });
      const appends = Array.from({ length: 50 }, (_, call) =>
        file.appendAndSync(call, [text("x")]),
      );
      await Promise.all([file.close(), file.close()]);
      await Promise.all(appends);
      expect(await disk.readFile(at("log"))).toEqual(text("x".repeat(50)));
    });

    it("goes on with a new file after one was closed", async () => {
      for (let round = 0; round < 5; round += 1) {
        await withFile(at(`log-${round}`), (file) => file.appendAndSync(0, [text(String(round))]));
      }
      expect(await disk.readFile(at("log-4"))).toEqual(text("4"));
      expect(await disk.readFile(at("log-3"))).toEqual(text("3"));
    });
  });

  describe(`${name}: closing`, () => {
    it("refuses every operation on a closed file", async () => {
      const file = await disk.open(at("a"), { create: true });
      await file.close();
      const calls = [
        () => file.read(0, 1),
        () => file.write(0, [text("x")]),
        () => file.appendAndSync(0, [text("x")]),
        () => file.sync(),
        () => file.truncate(0),
        () => file.size(),
      ];
      for (const call of calls) await expect(call()).rejects.toEqual(fails("IO", at("a")));
      await file.close();
    });

    it("waits for running operations of a file", async () => {
      const file = await disk.open(at("a"), { create: true });
      const writes = Array.from({ length: 20 }, (_, call) => file.write(call, [text("y")]));
      await file.close();
      await Promise.all(writes);
      expect(await disk.readFile(at("a"))).toEqual(text("y".repeat(20)));
    });

    it("closes the disk twice, after the appends under way, and refuses later ones", async () => {
      const file = await disk.open(at("log"), { create: true });
      const append = file.appendAndSync(0, [text("last")]);
      await Promise.all([disk.close(), disk.close()]);
      await append;
      await expect(file.appendAndSync(4, [text("late")])).rejects.toEqual(fails("IO", at("log")));
      await file.close();
      expect(await disk.readFile(at("log"))).toEqual(text("last"));
    });
  });

  describe(`${name}: names`, () => {
    it("lists sorted names, and only of directories", async () => {
      for (const file of ["b", "a", "10", "9", "Z"])
        await disk.writeFileAtomic(at(file), text(file));
      expect(await disk.list(directory)).toEqual(["10", "9", "Z", "a", "b"]);
      await expect(disk.list(at("none"))).rejects.toEqual(fails("NOT_FOUND", at("none")));
      await expect(disk.list(at("a"))).rejects.toEqual(fails("NOT_FOUND", at("a")));
    });

    it("says what is there", async () => {
      await disk.writeFileAtomic(at("a"), text("12345"));
      expect(await disk.stat(at("a"))).toEqual({ isDirectory: false, size: 5 });
      expect((await disk.stat(directory))?.isDirectory).toBe(true);
      expect(await disk.stat(at("none"))).toBeUndefined();
      expect(await disk.stat(at("a/below-a-file"))).toBeUndefined();
    });

    it("replaces files as a whole, the last caller winning, and leaves nothing else", async () => {
      const versions = Array.from({ length: 30 }, (_, version) =>
        text("v".repeat(version * 1_000)),
      );
      await Promise.all(versions.map((version) => disk.writeFileAtomic(at("a"), version)));
      expect(await disk.readFile(at("a"))).toEqual(versions.at(-1));
      await disk.writeFileAtomic(at("a"), new Uint8Array());
      expect(await disk.readFile(at("a"))).toEqual(new Uint8Array());
      expect(await disk.list(directory)).toEqual(["a"]);
    });

    it("keeps the old file when the new one cannot be put in its place", async () => {
      await disk.createDirectory(at("taken/by"));
      await expect(disk.writeFileAtomic(at("taken"), text("x"))).rejects.toBeInstanceOf(DiskError);
      await expect(disk.writeFileAtomic(at("no/where"), text("x"))).rejects.toEqual(
        fails("NOT_FOUND", at("no/where")),
      );
      expect(await disk.list(directory)).toEqual(["taken"]);
      expect(await disk.list(at("taken"))).toEqual(["by"]);
    });

    it("makes directories with their parents, again and concurrently", async () => {
      await Promise.all(
        ["x/y/z", "x/y/z", "x/y", "x/y/w"].map((path) => disk.createDirectory(at(path))),
      );
      await disk.createDirectory(at("x/y/z"));
      await disk.createDirectory(at("x/y/z/"));
      expect(await disk.list(at("x/y"))).toEqual(["w", "z"]);
      await disk.syncDirectory(at("x/y"));
      await expect(disk.syncDirectory(at("none"))).rejects.toEqual(fails("NOT_FOUND", at("none")));
    });

    it("does not take a file for a directory", async () => {
      await disk.writeFileAtomic(at("a"), text("x"));
      await expect(disk.createDirectory(at("a"))).rejects.toEqual(fails("ALREADY_EXISTS", at("a")));
      await expect(disk.createDirectory(at("a/b"))).rejects.toBeInstanceOf(DiskError);
      expect(await disk.readFile(at("a"))).toEqual(text("x"));
    });

    it("renames over what is there", async () => {
      await disk.writeFileAtomic(at("a"), text("new"));
      await disk.writeFileAtomic(at("b"), text("old"));
      await disk.rename(at("a"), at("b"));
      expect(await disk.list(directory)).toEqual(["b"]);
      expect(await disk.readFile(at("b"))).toEqual(text("new"));
      await expect(disk.rename(at("a"), at("b"))).rejects.toEqual(fails("NOT_FOUND", at("a")));
    });

    it("removes files and whole directories, and does not mind when they are gone", async () => {
      await disk.createDirectory(at("x/y"));
      await disk.writeFileAtomic(at("x/y/a"), text("1"));
      await disk.writeFileAtomic(at("b"), text("2"));
      for (let round = 0; round < 2; round += 1) {
        await disk.remove(at("x"));
        await disk.remove(at("b"));
        expect(await disk.list(directory)).toEqual([]);
      }
    });

    it("reads whole files", async () => {
      const large = new Uint8Array(3 << 20).map((_, index) => index * 7);
      await disk.writeFileAtomic(at("a"), large);
      expect(Buffer.compare(await disk.readFile(at("a")), large)).toBe(0);
      await expect(disk.readFile(at("none"))).rejects.toEqual(fails("NOT_FOUND", at("none")));
    });
  });

  describe(`${name}: lock`, () => {
    it("has one holder, and passes on when released", async () => {
      const lock = await disk.lock(directory);
      await expect(disk.lock(directory)).rejects.toEqual(fails("LOCKED", directory));
      await expect(disk.lock(directory)).rejects.toThrow(directory);
      await Promise.all([lock.release(), lock.release()]);
      await lock.release();
      const next = await disk.lock(directory);
      await lock.release(); // An old release frees nobody else's lock.
      await expect(disk.lock(directory)).rejects.toEqual(fails("LOCKED", directory));
      await next.release();
    });

    it("has one winner among concurrent callers", async () => {
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => disk.lock(directory)));
      const won = tries.filter((result) => result.status === "fulfilled");
      expect(won).toHaveLength(1);
      for (const result of won) await result.value.release();
    });

    it("locks directories one by one, and only those that exist", async () => {
      await disk.createDirectory(at("x"));
      await disk.createDirectory(at("y"));
      const locks = await Promise.all([disk.lock(at("x")), disk.lock(at("y"))]);
      for (const lock of locks) await lock.release();
      await expect(disk.lock(at("none"))).rejects.toEqual(fails("NOT_FOUND", at("none")));
    });
  });

  it(`${name}: names the boot, the same every time`, async () => {
    const id = await disk.bootId();
    expect(id).not.toBe("");
    expect(await disk.bootId()).toBe(id);
  });
}
