import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Inflights } from "../src/inflights.ts";
import { Progress } from "../src/progress.ts";

describe("inflights", () => {
  it("are a list of appends that is freed from its front", () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant("add" as const),
        gap: fc.integer({ min: 1, max: 3 }),
        bytes: fc.nat(20),
      }),
      fc.record({ type: fc.constant("free" as const), upTo: fc.nat(60) }),
      fc.record({ type: fc.constant("reset" as const) }),
    );
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        size,
        fc.nat(40),
        fc.array(step, { maxLength: 60, size: "max" }),
        (limit, maxBytes, steps) => {
          const inflights = new Inflights(limit, maxBytes);
          let naive: { index: number; bytes: number }[] = [];
          let last = 0;
          for (const one of steps) {
            if (one.type === "reset") {
              inflights.reset();
              naive = [];
            } else if (one.type === "free") {
              inflights.freeLE(one.upTo);
              naive = naive.filter(({ index }) => index > one.upTo);
            } else if (inflights.full()) {
              expect(() => inflights.add(last + one.gap, one.bytes)).toThrow();
            } else {
              last += one.gap;
              inflights.add(last, one.bytes);
              naive.push({ index: last, bytes: one.bytes });
            }
            const bytes = naive.reduce((sum, { bytes: more }) => sum + more, 0);
            expect([inflights.count, inflights.bytes]).toEqual([naive.length, bytes]);
            expect(inflights.full()).toBe(
              naive.length === limit || (maxBytes > 0 && bytes >= maxBytes),
            );
          }
        },
      ),
    );
  });
});

describe("progress", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("send" as const), count: fc.nat(3) }),
    fc.record({ type: fc.constant("acknowledge" as const), back: fc.nat(8) }),
    // Mostly of the last append or one before it: others are stale, and say nothing about what happens to those.
    fc.record({ type: fc.constant("reject" as const), back: fc.nat(3), hint: fc.nat(12) }),
    fc.record({ type: fc.constant("commit" as const), index: fc.nat(30) }),
    fc.record({ type: fc.constant("snapshot" as const), ahead: fc.nat(5) }),
    fc.constant({ type: "probe" as const }),
    fc.constant({ type: "replicate" as const }),
  );

  it("keeps match below next, never lets match fall, and sends a commit index only where it tells something", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const inflights = new Inflights(3, 0);
        const start = { match: 0, next: 1, isLearner: false, recentActive: true, inflights };
        const progress = new Progress(start);
        for (const one of steps) {
          const { match } = progress;
          run(progress, one);
          expect(progress.match).toBeGreaterThanOrEqual(match);
          expect(progress.next).toBeGreaterThan(progress.match);
          expect(progress.pendingSnapshot > 0).toBe(progress.state === "snapshot");
          expect(progress.state === "replicate" || inflights.count === 0).toBe(true);
        }
      }),
    );
  });

  function run(
    progress: Progress,
    one: typeof step extends fc.Arbitrary<infer T> ? T : never,
  ): void {
    switch (one.type) {
      case "send":
        if (!progress.isPaused()) progress.sentEntries(one.count, one.count);
        return;
      case "acknowledge": {
        // Nobody acknowledges what was not sent.
        const index = Math.max(0, progress.next - 1 - one.back);
        progress.maybeUpdate(index);
        progress.inflights.freeLE(index);
        return;
      }
      case "reject": {
        const at = Math.max(0, progress.next - 1 - one.back);
        if (progress.maybeDecrTo(at, one.hint) && progress.state === "replicate") {
          progress.becomeProbe();
        }
        return;
      }
      case "commit": {
        const told = progress.canBumpCommit(one.index);
        if (!told) return;
        progress.noteSentCommit(one.index);
        expect(progress.canBumpCommit(one.index)).toBe(false);
        return;
      }
      case "snapshot":
        progress.becomeSnapshot(progress.match + 1 + one.ahead);
        return;
      case "probe":
        progress.becomeProbe();
        return;
      case "replicate":
        progress.becomeReplicate();
        return;
    }
  }
});
