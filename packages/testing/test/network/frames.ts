import { FrameTap } from "@holdfast/core/inspection";
import type { Message } from "raft-ts-lite";

/** CRC-32C, bit by bit: frames in tests are short. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

/** A frame as docs/formats.md, section 6, has it. */
export function frame(kind: number, body: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(16), body]);
  bytes.writeUInt32LE(bytes.length - 8, 0);
  bytes.writeUInt8(kind, 8);
  bytes.writeUInt32LE(crc32c(bytes.subarray(8)), 4);
  return bytes;
}

/** A frame with one heartbeat, which carries a number below 65,536. */
export function numbered(number: number): Buffer {
  const [array6, uint16, emptyText] = [0x96, 0xcd, 0xa0];
  const row = [array6, 8, 2, 1, 3, uint16, number >> 8, number & 0xff, emptyText];
  return frameOf(row, Buffer.alloc(0));
}

/** A frame with one forwarded proposal of one byte. */
export function proposal(): Buffer {
  const [array5, array2] = [0x95, 0x92];
  return frameOf([array5, 11, 2, 1, 0, array2, 1, 1], Buffer.from([7]));
}

function frameOf(row: readonly number[], raw: Buffer): Buffer {
  const array1 = 0x91;
  const control = Buffer.from([array1, ...row]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(control.length);
  return frame(4, Buffer.concat([length, control, raw]));
}

/** The number of a message that {@link numbered} made. */
export function numberOf(message: Message | undefined): number {
  if (message?.type !== "Heartbeat") throw new Error("a heartbeat is expected");
  return message.commit;
}

/** The numbers in what arrived. */
export function numbersIn(bytes: Uint8Array): number[] {
  return new FrameTap()
    .push(bytes)
    .flatMap(({ messages }) => messages.map((message) => numberOf(message)));
}
