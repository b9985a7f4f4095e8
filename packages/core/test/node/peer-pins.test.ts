import { DiskError } from "@holdfast/platform";
import { describe, expect, test } from "vitest";
import { PeerPins } from "../../src/node/peer-pins.ts";

/** Holds one file, and fails to write it when it is told to. */
class OneFile {
  full = false;
  writes = 0;
  #content: Uint8Array | undefined;

  readFile(path: string): Promise<Uint8Array> {
    const missing = new DiskError("NOT_FOUND", path, "no such file");
    return this.#content === undefined ? Promise.reject(missing) : Promise.resolve(this.#content);
  }

  async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    this.writes += 1;
    const { full } = this;
    await Promise.resolve();
    if (full) throw new DiskError("FULL", path, "no room");
    this.#content = Uint8Array.from(data);
  }
}

describe("PeerPins", () => {
  test("know a peer again, in the next life as well", async () => {
    const disk = new OneFile();
    const pins = await PeerPins.open(disk, "data");
    expect(pins.isEmpty).toBe(true);
    expect(await pins.admit(2, 77, "a:1")).toBe(true);
    expect(await pins.admit(2, 78, "a:1")).toBe(false);
    const again = await PeerPins.open(disk, "data");
    expect(again.isEmpty).toBe(false);
    expect(await again.admit(2, 78, "a:1")).toBe(false);
    expect(await again.admit(2, 77, "b:1")).toBe(true);
    const third = await PeerPins.open(disk, "data");
    expect(await third.admit(2, 77, "b:1")).toBe(true);
    expect(disk.writes).toBe(2);
  });

  test("admit nobody before it is durable, and try again after a failed write", async () => {
    const disk = new OneFile();
    const pins = await PeerPins.open(disk, "data");
    disk.full = true;
    const both = [pins.admit(2, 77, "a:1"), pins.admit(3, 88, "b:1")];
    for (const admitted of both) await expect(admitted).rejects.toMatchObject({ code: "FULL" });
    await expect(pins.admit(2, 77, "a:1")).rejects.toMatchObject({ code: "FULL" });
    disk.full = false;
    expect(await pins.admit(2, 77, "a:1")).toBe(true);
    expect(await pins.admit(3, 88, "b:1")).toBe(true);
    const again = await PeerPins.open(disk, "data");
    expect([await again.admit(2, 79, "a:1"), await again.admit(3, 89, "b:1")]).toEqual([
      false,
      false,
    ]);
  });

  test("share a write", async () => {
    const disk = new OneFile();
    const pins = await PeerPins.open(disk, "data");
    await Promise.all([2, 3, 4].map((id) => pins.admit(id, 70 + id, `a:${id}`)));
    expect(disk.writes).toBe(1);
  });
});
