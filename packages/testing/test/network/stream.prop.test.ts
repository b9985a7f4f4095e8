import { prng } from "@holdfast/platform";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { frame } from "./frames.ts";

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("write" as const), bytes: fc.nat(4_000) }),
  },
  fc.record({ type: fc.constant("write" as const), bytes: fc.nat(3_000_000) }),
  fc.record({ type: fc.constant("read" as const), on: fc.boolean() }),
  fc.record({ type: fc.constant("cut" as const), forward: fc.boolean() }),
  fc.record({ type: fc.constant("pause" as const) }),
  fc.record({ type: fc.constant("wait" as const), ms: fc.nat(20) }),
);

// Cuts and pauses are shorter here than what breaks a connection: TCP hides them.
it("carries bytes complete and in order, whatever pieces they are written and read in", async () => {
  let pieces = 0;
  let writes = 0;
  const seeds = fc.integer({ min: 0 });
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.array(step, { maxLength: 30 }),
      fc.boolean(),
      async (seed, steps, framed) => {
        const bench = new Bench(seed);
        bench.network.faults.everyLink({ delayMinMs: 1, delayMeanMs: 3, slowProbability: 0.2 });
        const [near, far] = await bench.pair();
        const random = prng(seed);
        const written: Uint8Array[] = [];
        for (const { type, ...what } of steps) {
          if ("bytes" in what) {
            // Frames of Raft messages take another way through the code than bytes of any kind.
            const body = random.bytes(what.bytes % (framed ? 5_000 : Infinity));
            const bytes = framed ? frame(4, body) : body;
            written.push(bytes);
            near.connection.write([bytes]);
          } else if ("on" in what) far.connection.setReading(what.on);
          else if ("forward" in what)
            bench.network.blockOneWay(what.forward ? 1 : 2, what.forward ? 2 : 1);
          else if ("ms" in what) await bench.pass(what.ms);
          else {
            bench.process(2).pause();
            expect(type).toBe("pause");
          }
          if (random.integer(0, 3) === 0) bench.network.heal();
          if (random.integer(0, 3) === 0) bench.process(2).resume();
        }
        bench.network.heal();
        bench.process(2).resume();
        far.connection.setReading(true);
        near.connection.end();
        // Less than a goodbye may take, and more than all delays of a few megabytes.
        await bench.pass(60_000);
        expect(Buffer.compare(far.bytes, Buffer.concat(written))).toBe(0);
        expect([near.error, far.error]).toEqual([undefined, undefined]);
        expect([near.isClosed, far.isClosed]).toEqual([true, true]);
        pieces += far.pieces;
        writes += written.length;
      },
    ),
    { numRuns: 150 },
  );
  expect(pieces).not.toBe(writes);
});
