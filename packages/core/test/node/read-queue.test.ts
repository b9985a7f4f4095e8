import { describe, expect, test } from "vitest";
import { ReadQueue } from "../../src/node/read-queue.ts";

/** A queue whose rounds are numbered from 1. */
function numbered(): { queue: ReadQueue; flush: (now: number) => void; started: () => number } {
  const queue = new ReadQueue();
  let last = 0;
  const flush = (now: number): void => {
    queue.flush(() => `round ${++last}`, now);
  };
  return { queue, flush, started: () => last };
}

describe("ReadQueue", () => {
  test("reads of one turn share a round, which answers when its index is applied", async () => {
    const { queue, flush, started } = numbered();
    const order: string[] = [];
    const early = queue.add(100).then((index) => order.push(`early ${index}`));
    const other = queue.add(100).then((index) => order.push(`other ${index}`));
    flush(0);
    const late = queue.add(100).then((index) => order.push(`late ${index}`));
    flush(1);
    expect(started()).toBe(2);
    queue.confirmed("round 2", 7, 7);
    await late;
    queue.confirmed("round 1", 9, 8);
    queue.advance(8);
    await Promise.resolve();
    order.push("advance");
    queue.advance(9);
    await Promise.all([early, other]);
    expect(order).toEqual(["late 7", "advance", "early 9", "other 9"]);
  });

  test("a round without an answer is started again, and its late answer is nobody's", async () => {
    const { queue, flush, started } = numbered();
    const read = queue.add(100);
    flush(0);
    queue.expire(9, 10);
    expect(queue.hasWork).toBe(false);
    queue.expire(10, 10);
    flush(10);
    expect(started()).toBe(2);
    queue.confirmed("round 1", 3, 3);
    queue.confirmed("round 2", 5, 5);
    expect(await read).toBe(5);
  });

  test("a read ends with UNAVAILABLE at its deadline, before or behind its confirmation", async () => {
    const { queue, flush } = numbered();
    const unconfirmed = queue.add(20);
    const unapplied = queue.add(20);
    flush(0);
    queue.expire(19, 100);
    queue.expire(20, 10);
    await expect(unconfirmed).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(unapplied).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const behind = queue.add(40);
    flush(30);
    queue.confirmed("round 2", 9, 8);
    queue.expire(40, 100);
    await expect(behind).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("closing leaves reads a moment to be confirmed, and no more than that", async () => {
    const { queue, flush } = numbered();
    const answered = queue.add(1_000);
    flush(0);
    queue.closeAt(50);
    const begunLater = queue.add(1_000);
    queue.confirmed("round 1", 4, 4);
    expect(await answered).toBe(4);
    flush(1);
    queue.expire(49, 10);
    expect(queue.hasWork).toBe(true);
    queue.expire(50, 10);
    await expect(begunLater).rejects.toMatchObject({ code: "CLOSED" });
  });
});
