import { dirname } from "node:path";
import { expect, it } from "vitest";
import { type DirectoryCalls, makeDirectory } from "../src/make-directory.ts";

class Death extends Error {}

/** Directories that a process makes until it dies, after some number of calls. */
class Directories implements DirectoryCalls {
  readonly visible = new Set(["/"]);
  readonly durable = new Set(["/"]);
  callsLeft = Infinity;

  isDirectory(path: string): Promise<boolean> {
    return Promise.resolve(this.visible.has(path));
  }

  async make(path: string): Promise<void> {
    this.#live();
    expect(this.visible).toContain(dirname(path));
    this.visible.add(path);
  }

  async sync(path: string): Promise<void> {
    this.#live();
    for (const each of this.visible) if (dirname(each) === path) this.durable.add(each);
  }

  syncForeign(path: string): Promise<void> {
    return this.sync(path);
  }

  #live(): void {
    if (this.callsLeft === 0) throw new Death();
    this.callsLeft -= 1;
  }
}

// Found by the simulated disk: the write-ahead log in /data/wal was gone, because the process that had made /data had died before it synced the
// root, and the one after it found /data and synced no more than its own /data/wal.
it("is durable, wherever earlier processes died", async () => {
  const path = "/a/b/c/d";
  for (let first = 0; first < 9; first += 1) {
    for (let second = 0; second < 9; second += 1) {
      const directories = new Directories();
      for (const calls of [first, second]) {
        directories.callsLeft = calls;
        await makeDirectory(path, directories).catch((error: unknown) => {
          if (!(error instanceof Death)) throw error;
        });
      }
      directories.callsLeft = Infinity;
      await makeDirectory(path, directories);
      expect([...directories.durable].sort(), `${first}, ${second}`).toEqual([
        "/",
        "/a",
        "/a/b",
        "/a/b/c",
        path,
      ]);
    }
  }
});
