import { type Disk, DiskError } from "@holdfast/platform";
import { Packr } from "msgpackr";
import { HoldfastError } from "../errors.ts";
import { asBuffer, crc32c } from "./bytes.ts";

/** docs/formats.md, section 4. */
const HEADER_BYTES = 20;
const MAGIC = Buffer.from("HFFILE\0\0", "latin1");
const VERSION = 1;

// No records: their shared structures are an extension that other MessagePack readers do not know. Maps become objects.
const packr = new Packr({ useRecords: false, variableMapSize: true });

/**
 * Reads a small file of a data directory. `undefined` when there is none. What the body must be is the caller's to check. Throws
 * `CORRUPT`, or `UNSUPPORTED` for a newer version.
 */
export async function readSmallFile(disk: Disk, path: string): Promise<unknown> {
  let content: Uint8Array;
  try {
    content = await disk.readFile(path);
  } catch (error) {
    if (error instanceof DiskError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
  return decodeSmallFile(path, content);
}

/** Replaces a small file atomically and durably. `body` is what MessagePack can say, and not `undefined`. */
export async function writeSmallFile(disk: Disk, path: string, body: unknown): Promise<void> {
  await disk.writeFileAtomic(path, encodeSmallFile(body));
}

/** The content of a small file. */
export function encodeSmallFile(value: unknown): Buffer {
  const body = packr.pack(value);
  const file = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  file.set(MAGIC, 0);
  file.writeUInt16LE(VERSION, 8);
  file.writeUInt16LE(0, 10);
  file.writeUInt32LE(body.length, 12);
  file.writeUInt32LE(crc32c(body), 16);
  file.set(body, HEADER_BYTES);
  return file;
}

/** The body of a small file; `path` names it in errors. Throws as {@link readSmallFile} does. */
export function decodeSmallFile(path: string, content: Uint8Array): unknown {
  const file = asBuffer(content);
  if (file.length < HEADER_BYTES) throw damaged(path, `it is cut short (${file.length} bytes)`);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged(path, "it does not begin like a file of Holdfast");
  }
  const version = file.readUInt16LE(8);
  if (version !== VERSION) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `${path} has version (${version}); this software knows (${VERSION}): run a newer one`,
    );
  }
  const body = file.subarray(HEADER_BYTES);
  if (file.readUInt32LE(12) !== body.length) throw damaged(path, "its length does not match");
  if (file.readUInt32LE(16) !== crc32c(body)) throw damaged(path, "its checksum does not match");
  try {
    return packr.unpack(body);
  } catch (cause) {
    throw new HoldfastError("CORRUPT", `${path}: its body is not MessagePack`, { cause });
  }
}

function damaged(path: string, why: string): HoldfastError {
  return new HoldfastError("CORRUPT", `${path}: ${why}; restore the file from a copy`);
}
