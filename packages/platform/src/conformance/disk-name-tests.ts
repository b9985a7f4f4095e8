import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { type DiskTests, failure, fails, text } from "./disk-bench.ts";

/** Directories, replacement of files, locks. */
export const nameTests: DiskTests = {
  "list: gives sorted names, and only of directories": async (bench) => {
    const { disk, directory } = bench;
    for (const name of ["b", "a", "10", "9", "Z"])
      await disk.writeFileAtomic(bench.at(name), text(name));
    deepEqual(await disk.list(directory), ["10", "9", "Z", "a", "b"]);
    await fails(disk.list(bench.at("none")), "NOT_FOUND", bench.at("none"));
    await fails(disk.list(bench.at("a")), "NOT_FOUND", bench.at("a"));
  },

  "stat: says what is there": async (bench) => {
    const { disk, directory } = bench;
    await disk.writeFileAtomic(bench.at("a"), text("12345"));
    deepEqual(await disk.stat(bench.at("a")), { isDirectory: false, size: 5 });
    equal((await disk.stat(directory))?.isDirectory, true);
    equal(await disk.stat(bench.at("none")), undefined);
    equal(await disk.stat(bench.at("a/below-a-file")), undefined);
  },

  "writeFileAtomic: replaces files as a whole, the last caller winning, and leaves nothing else":
    async (bench) => {
      const { disk, directory } = bench;
      const path = bench.at("a");
      const versions = Array.from({ length: 30 }, (_, version) =>
        text("v".repeat(version * 1_000)),
      );
      await Promise.all(versions.map((version) => disk.writeFileAtomic(path, version)));
      deepEqual(await disk.readFile(path), versions.at(-1));
      await disk.writeFileAtomic(path, new Uint8Array());
      deepEqual(await disk.readFile(path), new Uint8Array());
      deepEqual(await disk.list(directory), ["a"]);
    },

  "writeFileAtomic: keeps what is there when the new file cannot be put in its place": async (
    bench,
  ) => {
    const { disk, directory } = bench;
    await disk.createDirectory(bench.at("taken/by"));
    await failure(disk.writeFileAtomic(bench.at("taken"), text("x")));
    const nowhere = bench.at("no/where");
    await fails(disk.writeFileAtomic(nowhere, text("x")), "NOT_FOUND", nowhere);
    deepEqual(await disk.list(directory), ["taken"]);
    deepEqual(await disk.list(bench.at("taken")), ["by"]);
  },

  "createDirectory: makes parents, again and concurrently": async (bench) => {
    const { disk } = bench;
    const paths = ["x/y/z", "x/y/z", "x/y", "x/y/w"];
    await Promise.all(paths.map((path) => disk.createDirectory(bench.at(path))));
    await disk.createDirectory(bench.at("x/y/z"));
    await disk.createDirectory(bench.at("x/y/z/"));
    deepEqual(await disk.list(bench.at("x/y")), ["w", "z"]);
    await disk.syncDirectory(bench.at("x/y"));
    await fails(disk.syncDirectory(bench.at("none")), "NOT_FOUND", bench.at("none"));
  },

  "createDirectory: does not take a file for a directory": async (bench) => {
    const { disk } = bench;
    await disk.writeFileAtomic(bench.at("a"), text("x"));
    await fails(disk.createDirectory(bench.at("a")), "ALREADY_EXISTS", bench.at("a"));
    await failure(disk.createDirectory(bench.at("a/b")));
    deepEqual(await disk.readFile(bench.at("a")), text("x"));
  },

  "rename: replaces what is there": async (bench) => {
    const { disk, directory } = bench;
    const [a, b] = [bench.at("a"), bench.at("b")];
    await disk.writeFileAtomic(a, text("new"));
    await disk.writeFileAtomic(b, text("old"));
    await disk.rename(a, b);
    deepEqual(await disk.list(directory), ["b"]);
    deepEqual(await disk.readFile(b), text("new"));
    await fails(disk.rename(a, b), "NOT_FOUND", a);
  },

  "remove: takes files and whole directories, and does not mind when they are gone": async (
    bench,
  ) => {
    const { disk, directory } = bench;
    await disk.createDirectory(bench.at("x/y"));
    await disk.writeFileAtomic(bench.at("x/y/a"), text("1"));
    await disk.writeFileAtomic(bench.at("b"), text("2"));
    for (let round = 0; round < 2; round += 1) {
      await disk.remove(bench.at("x"));
      await disk.remove(bench.at("b"));
      deepEqual(await disk.list(directory), []);
    }
  },

  "readFile: reads whole files": async (bench) => {
    const { disk } = bench;
    const large = new Uint8Array(3 << 20).map((_, index) => index * 7);
    await disk.writeFileAtomic(bench.at("a"), large);
    equal(Buffer.compare(await disk.readFile(bench.at("a")), large), 0);
    await fails(disk.readFile(bench.at("none")), "NOT_FOUND", bench.at("none"));
  },

  "lock: has one holder, and passes on when released": async ({ disk, directory }) => {
    const lock = await disk.lock(directory);
    await fails(disk.lock(directory), "LOCKED", directory);
    const { message } = await failure(disk.lock(directory));
    match(message, new RegExp(directory.replaceAll(/[^\w/]/g, ".")));
    await Promise.all([lock.release(), lock.release()]);
    await lock.release();
    const next = await disk.lock(directory);
    await lock.release(); // An old release frees nobody else's lock.
    await fails(disk.lock(directory), "LOCKED", directory);
    await next.release();
  },

  "lock: has one winner among concurrent callers": async ({ disk, directory }) => {
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => disk.lock(directory)));
    const won = tries.filter((result) => result.status === "fulfilled");
    equal(won.length, 1);
    for (const result of won) await result.value.release();
  },

  "lock: is for one directory, and only for one that exists": async (bench) => {
    const { disk } = bench;
    const paths = [bench.at("x"), bench.at("y")];
    for (const path of paths) await disk.createDirectory(path);
    const locks = await Promise.all(paths.map((path) => disk.lock(path)));
    for (const lock of locks) await lock.release();
    await fails(disk.lock(bench.at("none")), "NOT_FOUND", bench.at("none"));
  },

  "bootId: names the boot, the same every time": async ({ disk }) => {
    const id = await disk.bootId();
    notEqual(id, "");
    equal(await disk.bootId(), id);
  },
};
