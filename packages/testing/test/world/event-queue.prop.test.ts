import fc from "fast-check";
import { expect, it } from "vitest";
import { EventQueue } from "../../src/world/event-queue.ts";

it("gives events by time, equal ones in the order of their adding, without those taken back", () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("add" as const), at: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ type: fc.constant("take" as const) }),
    fc.record({ type: fc.constant("cancel" as const), which: fc.nat(20) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new EventQueue();
      let naive: { at: number; order: number }[] = [];
      const timers: { order: number; cancel: () => void }[] = [];
      let order = 0;
      let ran = -1;
      for (const one of steps) {
        if (one.type === "add") {
          const mine = order++;
          const timer = queue.add(one.at, () => {
            ran = mine;
          });
          timers.push({
            order: mine,
            cancel: () => {
              timer.cancel();
            },
          });
          naive.push({ at: one.at, order: mine });
        } else if (one.type === "cancel") {
          const timer = timers[one.which];
          timer?.cancel();
          naive = naive.filter((event) => event.order !== timer?.order);
        } else {
          naive.sort((a, b) => a.at - b.at || a.order - b.order);
          const expected = naive.shift();
          expect(queue.nextAt).toBe(expected?.at);
          const event = queue.take();
          event?.callback();
          expect(event?.at).toBe(expected?.at);
          if (expected !== undefined) expect(ran).toBe(expected.order);
        }
      }
    }),
  );
});
