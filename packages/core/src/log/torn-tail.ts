import type { DiskFile } from "@holdfast/platform";
import { asBuffer } from "../format/bytes.ts";
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  frameIsIntact,
  readFrameHeader,
} from "./commit-frame.ts";
import { type Segment, isZero } from "./segments.ts";

const ZERO_CHECK_BYTES = 4 << 20;
const REPAIR_BYTES = 1 << 20;

/** Whether a valid frame behind the bad one at the start of `rest` says that the bad one was synced. */
export function hasWitness(rest: Buffer, segment: Segment): boolean {
  const position = segment.begin + segment.end;
  for (
    let at = rest.indexOf(FRAME_MAGIC, FRAME_ALIGNMENT);
    at !== -1 && at + FRAME_HEADER_BYTES <= rest.length;
    at = rest.indexOf(FRAME_MAGIC, at + 1)
  ) {
    if (at % FRAME_ALIGNMENT !== 0) continue;
    const header = readFrameHeader(rest, at, segment.number, segment.end + at);
    if (typeof header === "string" || header.synced <= position) continue;
    if (at + FRAME_HEADER_BYTES + header.payloadBytes > rest.length) continue;
    if (frameIsIntact(rest.subarray(at), header)) return true;
  }
  return false;
}

/** Whether `[from, to)` of a file holds nothing but zeros. */
export async function isZeroFrom(file: DiskFile, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to; at += ZERO_CHECK_BYTES) {
    const bytes = await file.read(at, Math.min(ZERO_CHECK_BYTES, to - at));
    if (!isZero(asBuffer(bytes))) return false;
  }
  return true;
}

/** Zeroes what is not zero. Not synced. */
export async function zeroFrom(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += REPAIR_BYTES) {
    const bytes = await file.read(at, Math.min(REPAIR_BYTES, to - at));
    if (!isZero(asBuffer(bytes))) {
      await file.write(at, [Buffer.alloc(bytes.length)]);
    }
  }
}
