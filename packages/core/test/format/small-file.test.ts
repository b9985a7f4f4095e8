import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeDisk } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { crc32c } from "../../src/format/bytes.ts";
import {
  decodeSmallFile,
  encodeSmallFile,
  readSmallFile,
  writeSmallFile,
} from "../../src/format/small-file.ts";

const BODY = {
  cluster: "prod",
  clusterId: Buffer.from("0123456789abcdef", "latin1"),
  incarnation: Number.MAX_SAFE_INTEGER,
  clean: true,
  members: [{ id: 1, address: "a:1" }],
  none: null,
};

describe("a small file", () => {
  it("holds what was written, on a real disk, and is undefined when it is not there", async () => {
    const directory = await mkdtemp(join(tmpdir(), "holdfast-small-"));
    const disk = nodeDisk();
    const path = `${directory}/identity`;
    expect(await readSmallFile(disk, path)).toBeUndefined();
    await writeSmallFile(disk, path, BODY);
    await writeSmallFile(disk, path, { ...BODY, clean: false });
    expect(await readSmallFile(disk, path)).toEqual({ ...BODY, clean: false });
    await writeFile(path, (await readFile(path)).subarray(0, 30));
    await expect(readSmallFile(disk, path)).rejects.toMatchObject({ code: "CORRUPT" });
    await disk.close();
    await rm(directory, { recursive: true });
  });

  it("passes failures of the disk on", async () => {
    const disk = nodeDisk();
    await expect(readSmallFile(disk, tmpdir())).rejects.toMatchObject({ code: "IO" });
    await disk.close();
  });

  it("has the layout of docs/formats.md, with a body that any MessagePack reader knows", () => {
    const file = encodeSmallFile({ a: [1, true] });
    expect(file.toString("latin1", 0, 8)).toBe("HFFILE\0\0");
    const body = Buffer.from([0x81, 0xa1, 0x61, 0x92, 1, 0xc3]);
    expect(file.subarray(8).toString("hex")).toBe(
      "0100" + "0000" + "06000000" + crcHex(body) + body.toString("hex"),
    );
    expect(encodeSmallFile([{ a: 1 }, { a: 2 }]).subarray(20)).toEqual(
      Buffer.from([0x92, 0x81, 0xa1, 0x61, 1, 0x81, 0xa1, 0x61, 2]),
    );
  });

  it("is refused when any bit is wrong, and named", () => {
    const file = encodeSmallFile(BODY);
    for (let at = 0; at < file.length; at++) {
      // Reserved bytes are not read.
      if (at === 10 || at === 11) continue;
      const damaged = Buffer.from(file);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      expect(() => decodeSmallFile("data/peers", damaged), `byte ${at}`).toThrow(/data\/peers/);
    }
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeSmallFile("p", file.subarray(0, length))).toThrow(/p: it/);
    }
  });

  it("of a newer version is refused by that name", () => {
    const file = encodeSmallFile(BODY);
    file.writeUInt16LE(2, 8);
    expect(() => decodeSmallFile("p", file)).toThrow(
      expect.objectContaining({
        code: "UNSUPPORTED",
        message: expect.stringContaining("(2)") as string,
      }),
    );
  });
});

function crcHex(body: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(crc32c(body), 0);
  return bytes.toString("hex");
}
