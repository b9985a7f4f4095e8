import { FrameTap } from "@holdfast/core/inspection";
import { describe, expect, it } from "vitest";
import type { LinkFaults } from "../../src/network/link-faults.ts";
import { Bench } from "./bench.ts";
import { frame, numbered, numberOf, numbersIn, proposal } from "./frames.ts";

const COUNT = 1_000;
const NUMBERS = Array.from({ length: COUNT }, (_, number) => number);

/** Sends a thousand frames, one each millisecond, over a link with these faults. */
async function sent(
  faults: Partial<LinkFaults>,
  seed = 1,
): Promise<{ bench: Bench; numbers: number[] }> {
  const bench = new Bench(seed, { observed: true });
  const [near, far] = await bench.pair();
  bench.network.faults.link(1, 2, faults);
  for (const number of NUMBERS) {
    near.connection.write([numbered(number)]);
    await bench.pass(1);
  }
  await bench.pass(100_000);
  expect([near.isClosed, far.isClosed]).toEqual([false, false]);
  return { bench, numbers: numbersIn(far.bytes) };
}

function seenAs(bench: Bench, fate: string): number[] {
  return bench.observed
    .filter((seen) => seen.fate === fate)
    .map((seen) => numberOf(seen.messages[0]));
}

describe("frames of Raft messages", () => {
  it("arrive once and in order when nothing is wrong", async () => {
    const { bench, numbers } = await sent({});
    expect(numbers).toEqual(NUMBERS);
    expect(seenAs(bench, "delivered")).toEqual(NUMBERS);
    expect(bench.network.shown.size).toBe(0);
  });

  it("are lost, and whoever observes knows which", async () => {
    const { bench, numbers } = await sent({ lossProbability: 0.2 });
    const lost = seenAs(bench, "lost");
    expect(lost.length).toBeGreaterThan(COUNT * 0.15);
    expect(lost.length).toBeLessThan(COUNT * 0.25);
    const gone = new Set(lost);
    expect(numbers).toEqual(NUMBERS.filter((number) => !gone.has(number)));
    expect(bench.network.shown).toEqual(new Map([["message-loss", lost.length]]));
  });

  it("come twice, the second time later", async () => {
    const { bench, numbers } = await sent({ duplicateProbability: 0.2 });
    const twice = seenAs(bench, "duplicated");
    expect(twice.length).toBeGreaterThan(COUNT * 0.15);
    const firsts = numbers.filter((number, at) => numbers.indexOf(number) === at);
    expect(firsts).toEqual(NUMBERS);
    const seconds = numbers.filter((number, at) => numbers.indexOf(number) !== at);
    expect(seconds.sort((a, b) => a - b)).toEqual(twice);
    expect(bench.network.shown).toEqual(new Map([["message-duplication", twice.length]]));
  });

  it("overtake each other", async () => {
    const faults = { reorderProbability: 0.2, delayMinMs: 1, delayMeanMs: 5 };
    const { bench, numbers } = await sent(faults);
    expect([...numbers].sort((a, b) => a - b)).toEqual(NUMBERS);
    const late = new Set(seenAs(bench, "reordered"));
    const overtaken = numbers.filter((number, at) => Math.max(...numbers.slice(0, at)) > number);
    expect(overtaken.length).toBeGreaterThan(COUNT * 0.1);
    expect(overtaken.every((number) => late.has(number))).toBe(true);
  });

  it("are slow now and then, and what is behind them waits", async () => {
    const { bench, numbers } = await sent({ slowProbability: 0.05 });
    expect(numbers).toEqual(NUMBERS);
    const delays = bench.observed.map(({ sentAt, arrivesAt }) => (arrivesAt ?? 0) - sentAt);
    expect(Math.max(...delays)).toBeGreaterThan(100);
    expect(bench.network.shown.get("message-delay")).toBeGreaterThan(20);
  });

  it("arrive when the observer was told", async () => {
    const bench = new Bench(3, { observed: true });
    bench.network.faults.everyLink({ delayMinMs: 2, delayMeanMs: 4 });
    const [near, far] = await bench.pair();
    for (let number = 0; number < 50; number += 1) {
      near.connection.write([numbered(number)]);
      await bench.pass(100);
    }
    const told = bench.observed.map(({ arrivesAt }) => arrivesAt ?? 0);
    expect(told.every((at, number) => at >= 2 + 100 * number)).toBe(true);
    // A frame may arrive in two pieces, the second one later.
    for (const at of told)
      expect(far.arrivals.some((arrival) => Math.abs(arrival - at) < 1e-3)).toBe(true);
  });
});

it("leaves handshakes and snapshots alone", async () => {
  const bench = new Bench(1, { observed: true });
  const [near, far] = await bench.pair();
  bench.network.faults.everyLink({
    lossProbability: 1,
    duplicateProbability: 1,
    reorderProbability: 1,
  });
  const kinds = [2, 3, 5, 6, 7, 8];
  for (const kind of [...kinds, 4, ...kinds]) {
    near.connection.write([kind === 4 ? numbered(1) : frame(kind, Buffer.from([0x80]))]);
    await bench.pass(1).catch(() => undefined);
  }
  await bench.pass(1_000);
  expect(far.bytes.length).toBe(2 * kinds.length * 17);
});

it("delivers forwarded proposals at most once", async () => {
  const bench = new Bench(1, { observed: true });
  const [near, far] = await bench.pair();
  bench.network.faults.everyLink({ duplicateProbability: 1 });
  near.connection.write([proposal(), numbered(1)]);
  await bench.pass(1_000);
  const types = new FrameTap()
    .push(far.bytes)
    .flatMap(({ messages }) => messages.map(({ type }) => type));
  expect(types.sort()).toEqual(["Heartbeat", "Heartbeat", "Propose"]);
});

describe("draws", () => {
  it("are the same for the same seed, and others for another", async () => {
    const faults = {
      lossProbability: 0.1,
      duplicateProbability: 0.1,
      reorderProbability: 0.1,
      slowProbability: 0.1,
    };
    const [one, again] = [await sent(faults, 5), await sent(faults, 5)];
    expect(one.bench.observed).toEqual(again.bench.observed);
    expect(one.numbers).toEqual(again.numbers);
    expect((await sent(faults, 6)).numbers).not.toEqual(one.numbers);
  });

  it("of one fault do not depend on those of others", async () => {
    const alone = await sent({ lossProbability: 0.1 });
    const together = await sent({
      lossProbability: 0.1,
      duplicateProbability: 0.3,
      reorderProbability: 0.3,
      slowProbability: 0.1,
    });
    expect(seenAs(together.bench, "lost")).toEqual(seenAs(alone.bench, "lost"));
    const clean = await sent({});
    const arrivals = new Map(
      clean.bench.observed.map(({ messages, arrivesAt }) => [numberOf(messages[0]), arrivesAt]),
    );
    const delivered = alone.bench.observed.filter(({ fate }) => fate === "delivered");
    const same = delivered.filter(
      ({ messages, arrivesAt }) => arrivals.get(numberOf(messages[0])) === arrivesAt,
    );
    // All but those that had to wait for one that is lost now.
    expect(same.length).toBeGreaterThan(delivered.length * 0.95);
  });
});

it("reads frames only for those who want to see them", async () => {
  const bench = new Bench();
  const [near, far] = await bench.pair();
  // The body is no list of messages: whoever looked would complain.
  const unreadable = frame(4, Buffer.from([1, 2, 3]));
  near.connection.write([unreadable]);
  await bench.pass(10);
  expect(far.bytes).toEqual(unreadable);
  expect(() => new FrameTap().push(unreadable)).toThrow();
});
