import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeClock } from "../src/node-clock.ts";

const clock = nodeClock();

function elapsed(delayMs: number): Promise<number> {
  const before = clock.now();
  return new Promise((resolve) => {
    clock.setTimer(delayMs, () => {
      resolve(clock.now() - before);
    });
  });
}

describe("nodeClock", () => {
  it("never goes back and has fractions", () => {
    const samples = Array.from({ length: 1_000 }, () => clock.now());
    expect(samples).toEqual([...samples].sort((a, b) => a - b));
    expect(samples.some((now) => !Number.isInteger(now))).toBe(true);
  });

  it("tells the time of day", () => {
    const before = Date.now();
    expect(clock.wallTime()).toBeGreaterThanOrEqual(before);
    expect(clock.wallTime()).toBeLessThanOrEqual(Date.now());
  });

  // Node's own timers fail this: they count from a truncated millisecond.
  it("never calls too early", async () => {
    const delays = Array.from({ length: 200 }, (_, at) => 1 + at / 13);
    const results = await Promise.all(
      delays.map(async (delay, at) => {
        // Started at different fractions of a millisecond.
        for (const until = clock.now() + at / 200; clock.now() < until;);
        return (await elapsed(delay)) >= delay;
      }),
    );
    expect(results.filter((late) => !late)).toEqual([]);
  });

  it("accepts delays that are zero or past", async () => {
    expect(await elapsed(0)).toBeGreaterThanOrEqual(0);
    expect(await elapsed(-5)).toBeGreaterThanOrEqual(0);
  });

  it("calls in the order of setting when the delays are equal", async () => {
    const order: number[] = [];
    await new Promise<void>((resolve) => {
      for (let at = 0; at < 100; at += 1) clock.setTimer(3, () => order.push(at));
      clock.setTimer(3, resolve);
    });
    expect(order).toEqual(Array.from({ length: 100 }, (_, at) => at));
  });

  it("does not call what was cancelled, even by a timer of the same instant", async () => {
    const called: string[] = [];
    await new Promise<void>((resolve) => {
      clock.setTimer(1, () => {
        called.push("first");
        second.cancel();
        second.cancel();
      });
      const second = clock.setTimer(1, () => called.push("second"));
      const third = clock.setTimer(1, () => called.push("third"));
      clock.setTimer(1, () => {
        third.cancel(); // It ran already.
        resolve();
      });
    });
    expect(called).toEqual(["first", "third"]);
  });

  // Node turns a delay beyond 2^31 - 1 into 1 ms.
  it("waits for delays of more than 24 days", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2 ** 31 - 3, max: 2 ** 45 }), async (delayMs) => {
        let early = false;
        const timer = clock.setTimer(delayMs, () => {
          early = true;
        });
        await elapsed(2);
        timer.cancel();
        expect(early).toBe(false);
      }),
      { numRuns: 20 },
    );
  });
});
