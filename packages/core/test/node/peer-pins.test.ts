import { expect, test } from "vitest";
import { PeerPins } from "../../src/node/peer-pins.ts";
import { MemoryDisk } from "../log/memory-disk.ts";

/** A disk whose writes of whole files wait until they are let through. */
class SlowDisk extends MemoryDisk {
  #waiting: (() => void)[] = [];

  override async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await super.writeFileAtomic(path, data);
  }

  async letThrough(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a peer is believed once it is written down under which incarnation it was met (trap 38)", async () => {
  const disk = new SlowDisk();
  const pins = await PeerPins.open(disk, "node");
  const admitted: string[] = [];
  void pins.admit(2, 7, "there:1").then((known) => admitted.push(`first ${String(known)}`));
  // It dials again while that is being written.
  void pins.admit(2, 7, "there:1").then((known) => admitted.push(`again ${String(known)}`));
  await new Promise((resolve) => setImmediate(resolve));
  expect(admitted).toEqual([]);
  await disk.letThrough();
  expect(admitted.sort()).toEqual(["again true", "first true"]);
});

test("an incarnation that was met once is the only one, in later lives as well (trap 38)", async () => {
  const disk = new MemoryDisk();
  const pins = await PeerPins.open(disk, "node");
  expect(pins.isEmpty).toBe(true);
  expect(await pins.admit(2, 7, "there:1")).toBe(true);
  expect(await pins.admit(2, 8, "there:1")).toBe(false);
  const later = await PeerPins.open(MemoryDisk.holding(disk.files()), "node");
  expect(later.isEmpty).toBe(false);
  expect(await later.admit(2, 8, "there:1")).toBe(false);
  expect(await later.admit(2, 7, "elsewhere:1")).toBe(true);
});
