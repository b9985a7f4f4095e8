import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc32c } from "../../src/format/bytes.ts";
import { decodeChunks, encodeChunks, type StorePair } from "../../src/kv/snapshot-stream.ts";

const INDEX = 42;
const HEADER_BYTES = 32;

function pairs(count: number, valueBytes: number): StorePair[] {
  return Array.from({ length: count }, (_, i) => [
    Buffer.from(`\x10key-${String(i).padStart(4, "0")}`),
    Buffer.alloc(valueBytes, `${i} `),
  ]);
}

async function encode(source: readonly StorePair[], maxChunkBytes: number): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of encodeChunks(INDEX, inGroups(source), maxChunkBytes)) {
    expect(chunk.length).toBeLessThanOrEqual(maxChunkBytes);
    chunks.push(Buffer.from(chunk));
  }
  return chunks;
}

async function decode(chunks: readonly Uint8Array[], index = INDEX): Promise<StorePair[]> {
  const found: StorePair[] = [];
  for await (const group of decodeChunks(index, stream(chunks))) found.push(...group);
  return found;
}

/** What records take in a stream. */
function bytesOf(source: readonly StorePair[]): number {
  return source.reduce((sum, [key, value]) => sum + 8 + key.length + value.length, 0);
}

async function* inGroups(source: readonly StorePair[]): AsyncGenerator<readonly StorePair[]> {
  for (let i = 0; i < source.length; i += 2) yield source.slice(i, i + 2);
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

const CORRUPT: unknown = expect.objectContaining({ code: "CORRUPT" });

describe("snapshot stream", () => {
  test("pairs come back from chunks of any size", async () => {
    const source = fc
      .uniqueArray(fc.tuple(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 70 })), {
        selector: ([key]) => String(key),
        maxLength: 12,
      })
      .map((list): StorePair[] =>
        list
          .map(([key, value]): StorePair => [Buffer.from(key), Buffer.from(value)])
          .sort(([a], [b]) => a.compare(b)),
      );
    await fc.assert(
      fc.asyncProperty(source, fc.integer({ min: 33, max: 200 }), async (source, maxChunkBytes) => {
        expect(await decode(await encode(source, maxChunkBytes))).toEqual(source);
      }),
    );
  });

  test("an empty state is one chunk", async () => {
    const chunks = await encode([], 100);
    expect(chunks).toHaveLength(1);
    expect(await decode(chunks)).toEqual([]);
  });

  test.each([
    ["wherever they lie", 64],
    // Where one ends, so does a record: nothing else tells that there should be more.
    ["that hold one record each", 32 + bytesOf(pairs(1, 20))],
  ])("of chunks %s, cut at any byte, is refused (trap 55)", async (_, maxChunkBytes) => {
    const chunks = await encode(pairs(3, 20), maxChunkBytes);
    const whole = Buffer.concat(chunks);
    const ends = chunks.map((_, i) => Buffer.concat(chunks.slice(0, i)).length);
    for (let length = 0; length < whole.length; length++) {
      const left = ends
        .filter((start) => start < length)
        .map((start, i) => whole.subarray(start, Math.min(length, ends[i + 1] ?? length)));
      await expect(decode(left)).rejects.toEqual(CORRUPT);
    }
  });

  test("a last chunk that ends within a record is refused, even under a right checksum", async () => {
    const [chunk] = await encode(pairs(2, 20), 1_000);
    const short = Buffer.from(chunk!.subarray(0, -3));
    short.writeUInt32LE(crc32c(short.subarray(8)), 4);
    await expect(decode([short])).rejects.toEqual(CORRUPT);
  });

  test("a flipped bit anywhere is refused", async () => {
    const chunks = await encode(pairs(3, 20), 64);
    for (const [i, chunk] of chunks.entries()) {
      for (let at = 0; at < chunk.length; at++) {
        const damaged = Buffer.from(chunk);
        damaged[at] = (damaged[at] ?? 0) ^ 0x40;
        await expect(decode(chunks.with(i, damaged))).rejects.toEqual(CORRUPT);
      }
    }
  });

  test("chunks that are missing, doubled or swapped are refused", async () => {
    // A record ends with each chunk, so that only the chunks' own numbers can tell.
    const chunks = await encode(pairs(6, 23), HEADER_BYTES + 8 + 9 + 23);
    expect(chunks).toHaveLength(6);
    for (let i = 0; i < chunks.length - 1; i++) {
      const [one, next] = [chunks[i]!, chunks[i + 1]!];
      await expect(decode(chunks.toSpliced(i, 1))).rejects.toEqual(CORRUPT);
      await expect(decode(chunks.toSpliced(i, 0, one))).rejects.toEqual(CORRUPT);
      await expect(decode(chunks.toSpliced(i, 2, next, one))).rejects.toEqual(CORRUPT);
    }
    await expect(decode(chunks.slice(0, -1))).rejects.toEqual(CORRUPT);
    const longer = await encode(pairs(7, 23), HEADER_BYTES + 8 + 9 + 23);
    await expect(decode([...chunks, longer[6]!])).rejects.toEqual(CORRUPT);
  });

  test("a chunk of another snapshot is refused, whatever its number", async () => {
    const chunks = await encode(pairs(6, 23), 72);
    await expect(decode(chunks, INDEX + 1)).rejects.toEqual(CORRUPT);
  });

  test("keys that do not ascend are refused", async () => {
    const [first, second, third] = pairs(3, 5);
    for (const wrong of [
      [first!, third!, second!],
      [first!, first!],
    ]) {
      await expect(decode(await encode(wrong, 1_000))).rejects.toEqual(CORRUPT);
    }
  });

  test("equal states make equal chunks", async () => {
    expect(await encode(pairs(9, 30), 100)).toEqual(await encode(pairs(9, 30), 100));
  });
});
