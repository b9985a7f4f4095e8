import type { FrameKind } from "@holdfast/core/inspection";

/** docs/formats.md, section 6: length and checksum come before what the length counts, then the kind. */
const PREFIX_BYTES = 8;
const HEAD_BYTES = 16;

const KINDS: readonly (FrameKind | undefined)[] = [
  undefined,
  "hello",
  "welcome",
  "refused",
  "messages",
  "snapshotBegin",
  "snapshotChunk",
  "snapshotManifest",
  "snapshotAnswer",
];

/** One frame of what was written. */
export interface CutFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
}

/**
 * Cuts what was written at once into frames, without looking into them. `undefined` when it is anything but whole frames; the transport writes
 * nothing else.
 */
export function cutFrames(written: Buffer): readonly CutFrame[] | undefined {
  const frames: CutFrame[] = [];
  for (let at = 0; at < written.length;) {
    if (at + HEAD_BYTES > written.length) return undefined;
    const end = at + PREFIX_BYTES + written.readUInt32LE(at);
    const kind = KINDS[written.readUInt8(at + PREFIX_BYTES)];
    if (kind === undefined || end < at + HEAD_BYTES || end > written.length) return undefined;
    frames.push({ kind, bytes: written.subarray(at, end) });
    at = end;
  }
  return frames;
}
