import fc from "fast-check";
import { expect, it } from "vitest";
import { AppendRing } from "../src/append-ring.ts";

const SIZE = 64;

// The naive twin keeps a copy of what is held: no place may be given to two jobs at a time.
it("keeps what was put until it is released, in any sequence", () => {
  const put = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(fc.option(put), { maxLength: 80 }), (steps) => {
      const ring = new AppendRing(SIZE);
      const bytes = new Uint8Array(ring.memory);
      const held: { at: number; cost: number; copy: Uint8Array }[] = [];
      for (const buffers of steps) {
        if (buffers === null) {
          const oldest = held.shift();
          if (oldest !== undefined) ring.release(oldest.cost);
        } else {
          const copy = Uint8Array.from(Buffer.concat(buffers));
          const place = ring.put(buffers, copy.length);
          if (held.length === 0) expect(place === undefined).toBe(copy.length > SIZE);
          if (place !== undefined) held.push({ ...place, copy });
        }
        for (const { at, copy } of held) {
          expect(Buffer.compare(bytes.subarray(at, at + copy.length), copy)).toBe(0);
        }
      }
    }),
    { numRuns: 500 },
  );
});

it("is full to the last byte, and empty again", () => {
  const ring = new AppendRing(SIZE);
  for (let round = 0; round < 3; round += 1) {
    const places = Array.from({ length: SIZE / 8 }, () => ring.put([new Uint8Array(8)], 8));
    expect(places.map((place) => place?.at)).toEqual([0, 8, 16, 24, 32, 40, 48, 56]);
    expect(ring.put([new Uint8Array(1)], 1)).toBeUndefined();
    for (const place of places) ring.release(place?.cost ?? 0);
  }
});

it("has all its room again when it is empty, wherever it stopped", () => {
  const ring = new AppendRing(SIZE);
  ring.release(ring.put([new Uint8Array(10)], 10)?.cost ?? 0);
  expect(ring.put([new Uint8Array(SIZE)], SIZE)).toEqual({ at: 0, cost: SIZE });
});
