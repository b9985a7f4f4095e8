import { mkdtemp, rm, symlink, writeFile, readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Disk } from "../src/disk.ts";
import { diskSuite, type DiskFixture } from "../src/conformance.ts";
import { nodeDisk } from "../src/node-disk.ts";
import { Child } from "./children/spawn.ts";

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), "holdfast-disk-"));
const remove = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true });
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1);

describe("nodeDisk as every disk", () => {
  const create = async (): Promise<DiskFixture> => {
    const directory = await temporary();
    return { disk: nodeDisk(), directory, cleanUp: () => remove(directory) };
  };
  diskSuite({ test: it, create });
});

describe("nodeDisk on this machine", () => {
  let disk: Disk;
  let directory: string;

  beforeEach(async () => {
    directory = await temporary();
    disk = nodeDisk();
  });
  afterEach(async () => {
    await disk.close();
    await remove(directory);
  });

  it("releases the lock of a process that was killed", async () => {
    const child = Child.run("hold-lock", directory);
    await child.printed("locked");
    await expect(disk.lock(directory)).rejects.toMatchObject({ code: "LOCKED", path: directory });
    await child.kill();
    const lock = await disk.lock(directory);
    await lock.release();
  });

  it("refuses another disk of this process, under another name of the directory too", async () => {
    const alias = `${directory}-alias`;
    await symlink(directory, alias);
    const other = nodeDisk();
    const lock = await disk.lock(directory);
    await expect(other.lock(directory)).rejects.toMatchObject({ code: "LOCKED" });
    await expect(other.lock(alias)).rejects.toMatchObject({ code: "LOCKED", path: alias });
    await lock.release();
    await (await other.lock(alias)).release();
    await rm(alias);
  });

  // A power cut can leave any of the lock's files empty or cut short. None of them holds anything.
  it("takes a lock whose files are damaged", async () => {
    await (await disk.lock(directory)).release();
    const files = await readdir(join(directory, "lock"));
    expect(files).toContain("CURRENT");
    for (const file of files) await writeFile(join(directory, "lock", file), "damaged");
    const lock = await disk.lock(directory);
    await expect(disk.lock(directory)).rejects.toMatchObject({ code: "LOCKED" });
    await lock.release();
  });

  it("names the boot as it was told to", async () => {
    expect(await nodeDisk({ bootId: "after the power cut" }).bootId()).toBe("after the power cut");
    expect(await nodeDisk().bootId()).toBe(await disk.bootId());
  });

  it("replaces a temporary file that a crash left behind", async () => {
    await writeFile(join(directory, "a.tmp"), "half of someth");
    await disk.writeFileAtomic(join(directory, "a"), bytes(3));
    expect(await disk.readFile(join(directory, "a"))).toEqual(bytes(3));
    expect(await disk.list(directory)).toEqual(["a"]);
  });
});

// The shell's limit on the size of a file cuts a write short and refuses the next: what a nearly full device does.
describe.skipIf(process.platform === "win32")("nodeDisk when a file may not grow", () => {
  it.each(["appendAndSync", "write"])(
    "%s: does not take a short write for the whole",
    async (method) => {
      const directory = await temporary();
      const child = Child.under("ulimit -f 64; trap '' XFSZ", "size-limit", method, directory);
      expect(JSON.parse(await child.ended())).toEqual(
        method === "write"
          ? { outcomes: ["resolved", "IO", "resolved"], head: "ccc" }
          : // Behind the failed one nothing was written, and the one before it had its own success.
            { outcomes: ["resolved", "IO", "IO"], head: "aaa" },
      );
      await remove(directory);
    },
  );
});

// /dev/full takes no byte, and cannot be synced either.
const full = await stat("/dev/full").then(
  () => "/dev/full",
  () => undefined,
);

describe.skipIf(full === undefined)("nodeDisk when the device fails", () => {
  const path = full ?? "";
  let disk: Disk;

  beforeEach(() => {
    disk = nodeDisk();
  });
  afterEach(() => disk.close());

  it("rejects an append with the reason, and with it all that were queued behind", async () => {
    const file = await disk.open(path);
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => file.appendAndSync(0, [bytes(10)])),
    );
    for (const result of results) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "FULL", path } });
    }
    expect(results[0]).toMatchObject({ reason: { cause: { code: "ENOSPC", syscall: "write" } } });
    await file.close();
  });

  // The system reports a failed sync once. The next one would succeed, although the bytes are gone.
  it.each(["appendAndSync", "sync"] as const)(
    "never again writes to a file after a failed %s",
    async (method) => {
      const file = await disk.open(path);
      const first = method === "sync" ? file.sync() : file.appendAndSync(0, [bytes(1)]);
      const failure: unknown = await first.catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: "DiskError", path });
      await expect(file.appendAndSync(0, [])).rejects.toBe(failure);
      await expect(file.write(0, [])).rejects.toBe(failure);
      await expect(file.sync()).rejects.toBe(failure);
      await expect(file.truncate(0)).rejects.toBe(failure);
      expect(await file.size()).toBe(0);
      await file.close();
    },
  );

  it("does not fail other files, or a later one with the same descriptor", async () => {
    const directory = await temporary();
    const healthy = await disk.open(join(directory, "a"), { create: true });
    const broken = await disk.open(path);
    await Promise.all([
      expect(broken.appendAndSync(0, [bytes(1)])).rejects.toMatchObject({ code: "FULL" }),
      healthy.appendAndSync(0, [bytes(3)]),
    ]);
    await broken.close();
    const next = await disk.open(join(directory, "b"), { create: true });
    await next.appendAndSync(0, [bytes(5)]);
    await healthy.appendAndSync(3, [bytes(3)]);
    expect(await healthy.size()).toBe(6);
    expect(await next.size()).toBe(5);
    await healthy.close();
    await next.close();
    await remove(directory);
  });

  // /dev/null takes every byte and cannot be synced.
  it("rejects an append whose bytes were taken but not synced", async () => {
    const file = await disk.open("/dev/null");
    await expect(file.appendAndSync(0, [bytes(10)])).rejects.toMatchObject({
      code: "IO",
      path: "/dev/null",
      cause: { syscall: "fdatasync" },
    });
    await file.close();
  });

  it("says FULL for a plain write, which promises nothing and may be tried again", async () => {
    const file = await disk.open(path);
    await expect(file.write(0, [bytes(1)])).rejects.toMatchObject({ code: "FULL" });
    await expect(file.write(0, [bytes(1)])).rejects.toMatchObject({ code: "FULL" });
    await file.close();
  });
});
