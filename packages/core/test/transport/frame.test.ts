import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/format/bytes.ts";
import { encodeFrame, type Frame, FrameDecoder } from "../../src/transport/frame.ts";
import { WireError } from "../../src/transport/wire-error.ts";
import { cut } from "./arbitraries.ts";

const LIMIT = 1_000;

interface Plain {
  readonly kind: number;
  readonly group: number;
  readonly body: Buffer;
}

const plainFrames: fc.Arbitrary<Plain[]> = fc.array(
  fc.record({
    kind: fc.integer({ min: 0, max: 255 }),
    group: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { minLength: 1, maxLength: 6 },
);

function encode(frames: readonly Plain[]): Buffer {
  return Buffer.concat(frames.flatMap(({ kind, group, body }) => encodeFrame(kind, group, [body])));
}

/** Feeds pieces until the first error; everything delivered before it, and the error. */
function decode(
  pieces: readonly Buffer[],
  limit: number = LIMIT,
): { frames: readonly Frame[]; error: unknown } {
  const decoder = new FrameDecoder(limit);
  const frames: Frame[] = [];
  try {
    for (const piece of pieces) {
      decoder.push(piece);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        frames.push(frame);
      }
    }
  } catch (error) {
    return { frames, error };
  }
  return { frames, error: undefined };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof WireError ? error.code : undefined;
}

test("the layout is that of docs/formats.md", () => {
  const body = Buffer.from("body");
  const bytes = Buffer.concat(encodeFrame(4, 0x01020304, [body.subarray(0, 1), body.subarray(1)]));
  expect(bytes.readUInt32LE(0)).toBe(bytes.length - 8);
  expect(bytes.readUInt32LE(4)).toBe(crc32c(bytes.subarray(8)));
  expect([...bytes.subarray(8, 12)]).toEqual([4, 0, 0, 0]);
  expect(bytes.readUInt32LE(12)).toBe(0x01020304);
  expect(bytes.subarray(16).toString()).toBe("body");
});

test("the buffers of a body are written as they are, not copied", () => {
  const body = [Buffer.from("a"), Buffer.from("b")];
  expect(encodeFrame(4, 0, body).slice(1)).toEqual(body);
  expect(encodeFrame(4, 0, body)[1]).toBe(body[0]);
});

describe("FrameDecoder", () => {
  test("finds the same frames in whatever pieces the bytes arrive", () => {
    fc.assert(
      fc.property(plainFrames, fc.array(fc.nat(), { maxLength: 20 }), (frames, places) => {
        const { frames: found, error } = decode(cut(encode(frames), places));
        expect(error).toBeUndefined();
        expect(found).toEqual(frames);
      }),
    );
  });

  test("finds them one byte at a time", () => {
    const frames = [
      { kind: 4, group: 1, body: Buffer.from("first") },
      { kind: 5, group: 2, body: Buffer.alloc(0) },
    ];
    const bytes = encode(frames);
    expect(decode(cut(bytes, [...bytes.keys()]))).toEqual({ frames, error: undefined });
  });

  test("never delivers a damaged frame and throws nothing but WireError", () => {
    const damage = fc.record({ at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) });
    const places = fc.array(fc.nat(), { maxLength: 20 });
    fc.assert(
      fc.property(plainFrames, damage, places, (frames, { at, mask }, where) => {
        const bytes = encode(frames);
        const victim = at % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(victim) ^ mask, victim);
        const { frames: found, error } = decode(cut(bytes, where));
        if (error !== undefined) expect(error).toBeInstanceOf(WireError);
        expect(found.length).toBeLessThan(frames.length);
        expect(found).toEqual(frames.slice(0, found.length));
      }),
      { numRuns: 500 },
    );
  });

  test("delivers nothing of random bytes, and throws nothing but WireError", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), (pieces) => {
        const { frames, error } = decode(pieces.map((piece) => Buffer.from(piece)));
        expect(frames).toEqual([]);
        if (error !== undefined) expect(error).toBeInstanceOf(WireError);
      }),
    );
  });

  test("refuses an oversized frame as soon as its length is there", () => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(LIMIT + 1, 0);
    expect(codeOf(decode([head]).error)).toBe("OVERSIZED");
    expect(codeOf(decode(cut(head, [3])).error)).toBe("OVERSIZED");
    const largest = encode([{ kind: 4, group: 0, body: Buffer.alloc(LIMIT - 8) }]);
    expect(decode([largest]).frames).toHaveLength(1);
  });

  test("refuses a frame shorter than its own head", () => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(7, 0);
    expect(codeOf(decode([head]).error)).toBe("MALFORMED");
  });

  test("an error is final: what follows is not searched for frames", () => {
    const decoder = new FrameDecoder(LIMIT);
    const bytes = encode([{ kind: 4, group: 0, body: Buffer.from("x") }]);
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(0xff, 16);
    decoder.push(damaged);
    expect(() => decoder.next()).toThrow("checksum");
    decoder.push(bytes);
    expect(() => decoder.next()).toThrow("checksum");
  });

  test("a limit raised between two frames of one piece holds for the second", () => {
    const small = encode([{ kind: 1, group: 0, body: Buffer.alloc(8) }]);
    const large = encode([{ kind: 4, group: 0, body: Buffer.alloc(500) }]);
    const decoder = new FrameDecoder(100);
    decoder.push(Buffer.concat([small, large]));
    expect(decoder.next()?.kind).toBe(1);
    decoder.limit = LIMIT;
    expect(decoder.next()?.kind).toBe(4);
  });

  test("says whether the bytes end inside a frame", () => {
    const bytes = encode([{ kind: 1, group: 0, body: Buffer.alloc(8) }]);
    for (let end = 0; end <= bytes.length; end++) {
      const decoder = new FrameDecoder(LIMIT);
      decoder.push(bytes.subarray(0, end));
      decoder.next();
      expect(decoder.midFrame).toBe(end > 0 && end < bytes.length);
    }
  });
});
