import { afterEach, describe, expect, test } from "vitest";
import { nodeRandom, prng } from "@holdfast/platform";
import fc from "fast-check";
import type { Heartbeat } from "raft-ts-lite";
import { Backoff } from "../../src/transport/backoff.ts";
import type { PeerStats } from "../../src/transport/peer-link.ts";
import { closeNodes, type NodeOptions, startNode, type TestNode } from "./cluster-fixture.ts";
import { FakeWorld } from "./fake-platform.ts";

let world = new FakeWorld();

afterEach(async () => {
  const closing = closeNodes();
  world.network.release();
  await world.settle();
  await closing;
  world = new FakeWorld();
});

const SETTINGS = {
  reconnectMinMs: 100,
  reconnectMaxMs: 3_000,
  connectTimeoutMs: 1_000,
  handshakeTimeoutMs: 1_000,
};

function address(id: number): string {
  return `n${id}:7000`;
}

async function start(id: number, options: NodeOptions = {}): Promise<TestNode> {
  return await startNode(id, {
    platform: world,
    listen: { host: `n${id}`, port: 7000 },
    ...options,
    settings: { ...SETTINGS, ...options.settings },
  });
}

function beat(commit: number, from = 1, to = 2): Heartbeat {
  return { type: "Heartbeat", from, to, term: 1, commit, readToken: "" };
}

async function pair(): Promise<[TestNode, TestNode]> {
  const one = await start(1);
  const two = await start(2);
  one.transport.setPeer(2, address(2));
  two.transport.setPeer(1, address(1));
  await world.settle();
  return [one, two];
}

function linkOf(node: TestNode, id = 2): PeerStats {
  const found = node.transport.stats().get(id);
  if (found === undefined) throw new Error(`no peer ${id}`);
  return found;
}

describe("back-off", () => {
  test("every pause lies between the bounds, and below a ceiling that doubles", () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 10_000 }));
    fc.assert(
      fc.property(bounds, fc.integer(), ([min, more], seed) => {
        const backoff = new Backoff(prng(seed), min, min + more);
        for (let ceiling = 2 * min, i = 0; i < 30; i++, ceiling *= 2) {
          const pause = backoff.next();
          expect(pause).toBeGreaterThanOrEqual(min);
          expect(pause).toBeLessThanOrEqual(Math.min(ceiling, min + more));
        }
        expect(backoff.longest()).toBeGreaterThanOrEqual(Math.floor((min + more) / 2));
        backoff.reset();
        expect(backoff.next()).toBeLessThanOrEqual(2 * min);
      }),
    );
  });

  test("two nodes that lost the same peer return at different times", () => {
    const pauses = (): number[] => {
      const backoff = new Backoff(nodeRandom(), 100, 100_000);
      return Array.from({ length: 10 }, () => backoff.next());
    };
    expect(pauses()).not.toEqual(pauses());
  });

  test("an unreachable peer is dialled again and again, ever more slowly, up to the longest pause", async () => {
    const one = await start(1);
    one.transport.setPeer(2, address(2));
    await world.settle();
    const pauses: number[] = [];
    for (let i = 0; i < 30; i++) {
      expect(world.network.dialled).toHaveLength(i + 1);
      pauses.push(world.clock.nextIn);
      await world.pass(world.clock.nextIn);
    }
    for (const pause of pauses) {
      expect(pause).toBeGreaterThanOrEqual(SETTINGS.reconnectMinMs);
      expect(pause).toBeLessThanOrEqual(SETTINGS.reconnectMaxMs);
    }
    expect(Math.max(...pauses.slice(0, 2))).toBeLessThanOrEqual(4 * SETTINGS.reconnectMinMs);
    expect(Math.max(...pauses.slice(10))).toBeGreaterThan(SETTINGS.reconnectMaxMs / 2);
    expect(linkOf(one).lastError).toMatch("nobody listens");
  });

  test("connections that break at once do not reset the pauses", async () => {
    const [one] = [await start(1), await start(2)];
    one.transport.setPeer(2, address(2));
    await world.settle();
    const pauses: number[] = [];
    for (let i = 0; i < 20; i++) {
      expect(linkOf(one)).toMatchObject({ connected: true, reconnects: i });
      world.network.connections.at(-1)?.break();
      pauses.push(world.clock.nextIn);
      await world.pass(world.clock.nextIn);
    }
    expect(Math.max(...pauses)).toBeGreaterThan(4 * SETTINGS.reconnectMinMs);
  });

  test("a connection that lived for long does", async () => {
    const [one] = [await start(1), await start(2)];
    one.transport.setPeer(2, address(2));
    await world.settle();
    for (let i = 0; i < 20; i++) {
      await world.pass(SETTINGS.reconnectMaxMs);
      world.network.connections.at(-1)?.break();
      expect(world.clock.nextIn).toBeLessThanOrEqual(2 * SETTINGS.reconnectMinMs);
      await world.pass(world.clock.nextIn);
    }
    expect(linkOf(one)).toMatchObject({ connected: true, reconnects: 20 });
  });

  test("a peer that dials us is dialled at once, without the rest of the pause", async () => {
    const one = await start(1);
    one.transport.setPeer(2, address(2));
    for (let i = 0; i < 20; i++) {
      await world.settle();
      await world.pass(world.clock.nextIn);
    }
    expect(linkOf(one).connected).toBe(false);
    const two = await start(2);
    two.transport.setPeer(1, address(1));
    await world.settle();
    expect(linkOf(one).connected).toBe(true);
  });
});

describe("refusals", () => {
  test("a refused node is told why, and asks again only after long pauses", async () => {
    const one = await start(1);
    const two = await start(2);
    const refusal = { code: "INCARNATION_MISMATCH", message: "known as another" } as const;
    two.admit = () => Promise.resolve(refusal);
    one.transport.setPeer(2, address(2));
    await world.settle();
    expect(one.refused.seen).toEqual([{ by: 2, refusal }]);
    expect(linkOf(one).lastError).toBe("INCARNATION_MISMATCH: known as another");
    expect(world.clock.nextIn).toBeGreaterThanOrEqual(SETTINGS.reconnectMaxMs / 2);
    two.admit = () => Promise.resolve(undefined);
    await world.pass(SETTINGS.reconnectMaxMs);
    expect(linkOf(one).connected).toBe(true);
  });

  test("a peer that comes back as somebody else gets nothing, and nobody is told to stop", async () => {
    const one = await start(1);
    const two = await start(2);
    const refusal = { code: "INCARNATION_MISMATCH", message: "known as another" } as const;
    one.recognise = ({ nodeId, incarnation }) =>
      nodeId === 2 && incarnation > 0 ? refusal : undefined;
    one.transport.setPeer(2, address(2));
    one.transport.send(2, 0, beat(1));
    await world.settle();
    expect(two.messages).toEqual([]);
    expect(linkOf(one)).toMatchObject({
      connected: false,
      lastError: "INCARNATION_MISMATCH: known as another",
    });
    expect(one.refused.seen).toEqual([]);
    one.recognise = () => undefined;
    await world.pass(SETTINGS.reconnectMaxMs);
    expect(linkOf(one).connected).toBe(true);
  });

  test("a refused node is not nudged into asking at once", async () => {
    const one = await start(1);
    const two = await start(2);
    two.admit = () => Promise.resolve({ code: "REMOVED", message: "gone" });
    one.transport.setPeer(2, address(2));
    await world.settle();
    two.transport.setPeer(1, address(1));
    await world.settle();
    expect(one.refused.seen).toHaveLength(1);
  });

  test("another node under the address of a peer gets nothing, and the node is not told to stop", async () => {
    const one = await start(1);
    const three = await start(3);
    one.transport.setPeer(2, address(3));
    one.transport.send(2, 0, beat(1));
    await world.settle();
    expect(three.received.seen).toEqual([]);
    expect(one.refused.seen).toEqual([]);
    expect(one.unreachable.seen).toEqual([2]);
    expect(linkOf(one).lastError).toMatch("node (3) answers where node (2) was expected");
  });

  test("an admission that fails closes the connection without an answer", async () => {
    const one = await start(1);
    const two = await start(2);
    two.admit = () => Promise.reject(new Error("disk"));
    one.transport.setPeer(2, address(2));
    await world.settle();
    expect(one.refused.seen).toEqual([]);
    expect(linkOf(one).connected).toBe(false);
  });
});

describe("queue", () => {
  test("what waits while the first connection is made is delivered in order", async () => {
    const [one, two] = [await start(1), await start(2)];
    one.transport.setPeer(2, address(2));
    for (let i = 0; i < 3; i++) expect(one.transport.send(2, 0, beat(i))).toBe(true);
    await world.settle();
    expect(two.messages).toEqual([beat(0), beat(1), beat(2)]);
    expect(linkOf(one).dropped).toBe(0);
  });

  test("between attempts messages are dropped, and the core is told once per turn", async () => {
    const one = await start(1);
    one.transport.setPeer(2, address(2));
    expect(one.transport.send(2, 0, beat(1))).toBe(true);
    await world.settle();
    expect(one.unreachable.seen).toEqual([2]);
    for (let i = 0; i < 5; i++) expect(one.transport.send(2, 0, beat(i))).toBe(false);
    expect(one.unreachable.seen).toEqual([2]);
    await world.settle();
    expect(one.unreachable.seen).toEqual([2, 2]);
    expect(linkOf(one)).toMatchObject({ dropped: 6, queuedMessages: 0, queuedBytes: 0 });
  });

  test("a message to nobody we know is unreachable", async () => {
    const one = await start(1);
    expect(one.transport.send(9, 0, beat(1, 1, 9))).toBe(false);
    await world.settle();
    expect(one.unreachable.seen).toEqual([9]);
  });

  test("a local message is a broken invariant", async () => {
    const one = await start(1);
    expect(() => one.transport.send(2, 0, { type: "Beat", from: 1, to: 1, term: 0 })).toThrow(
      "never leaves its node",
    );
  });

  test("an attempt that hangs does not hold more than the bounds", async () => {
    const one = await start(1, { settings: { maxQueueMessages: 10 } });
    world.network.reactions.set(address(2), "hang");
    one.transport.setPeer(2, address(2));
    for (let i = 0; i < 100; i++) one.transport.send(2, 0, beat(i));
    expect(linkOf(one)).toMatchObject({ queuedMessages: 10, dropped: 90 });
  });
});

describe("a peer that moves", () => {
  test("is dialled at its new address at once", async () => {
    const [one, two] = await pair();
    const moved = await start(2, { listen: { host: "n2", port: 8000 } });
    one.transport.setPeer(2, "n2:8000");
    await world.settle();
    one.transport.send(2, 0, beat(5));
    await world.settle();
    expect(moved.messages).toEqual([beat(5)]);
    expect(two.messages).toEqual([]);
    expect(linkOf(one)).toMatchObject({ connected: true, address: "n2:8000", reconnects: 1 });
  });

  test("an attempt to the old address that succeeds late is closed", async () => {
    const one = await start(1);
    await start(2);
    world.network.reactions.set(address(2), "hang");
    one.transport.setPeer(2, address(2));
    await world.settle();
    one.transport.setPeer(2, "elsewhere:1");
    await world.settle();
    world.network.release();
    await world.settle();
    expect(one.connected.seen).toEqual([]);
    expect(world.network.connections.map(({ closedByUs }) => closedByUs)).toEqual([true, false]);
    expect(linkOf(one).connected).toBe(false);
  });

  test("the same address again changes nothing", async () => {
    const [one] = await pair();
    const dialled = world.network.dialled.length;
    one.transport.setPeer(2, address(2));
    await world.settle();
    expect(world.network.dialled).toHaveLength(dialled);
  });

  test("a listener that takes the connection and never answers is left, and tried again", async () => {
    const one = await start(1);
    const two = await start(2);
    two.admit = () => new Promise(() => undefined);
    one.transport.setPeer(2, address(2));
    await world.settle();
    expect(two.hellos.seen).toHaveLength(1);
    await world.pass(SETTINGS.handshakeTimeoutMs);
    expect(linkOf(one).lastError).toBe("no welcome within (1000) ms");
    two.admit = () => Promise.resolve(undefined);
    await world.pass(world.clock.nextIn);
    expect(linkOf(one).connected).toBe(true);
  });

  test("an address that cannot be read is reported and retried, and throws nowhere", async () => {
    const one = await start(1);
    one.transport.setPeer(2, "nonsense");
    await world.settle();
    expect(linkOf(one).lastError).toMatch("(nonsense) is no address");
    expect(world.clock.pending).toBe(1);
  });
});

describe("silence", () => {
  const LIMIT = SETTINGS.connectTimeoutMs + SETTINGS.handshakeTimeoutMs;

  test("a connection that swallows everything is given up and made anew", async () => {
    const [one] = await pair();
    // The peer's process is frozen: its end neither reads nor writes.
    for (const connection of world.network.connections) connection.reading = false;
    for (let passed = 0; passed < LIMIT + 300; passed += 100) {
      one.transport.send(2, 0, beat(passed));
      await world.pass(100);
    }
    expect(one.unreachable.seen).toContain(2);
    expect(linkOf(one).lastError ?? "").toMatch("takes messages but sends none");
  });

  test("a peer that answers is left alone", async () => {
    const [one, two] = await pair();
    for (let passed = 0; passed < 5 * LIMIT; passed += 100) {
      one.transport.send(2, 0, beat(passed));
      two.transport.send(1, 0, { ...beat(0, 2, 1), type: "HeartbeatResponse" });
      await world.pass(100);
    }
    expect(linkOf(one)).toMatchObject({ connected: true, reconnects: 0 });
  });

  test("a peer that has nothing to answer is left alone", async () => {
    const [one] = await pair();
    for (let i = 0; i < 10; i++) {
      one.transport.send(2, 0, beat(i));
      await world.pass(LIMIT);
    }
    expect(linkOf(one)).toMatchObject({ connected: true, reconnects: 0 });
  });

  test("our own sleep is not taken for the silence of the peer", async () => {
    const [one] = await pair();
    one.transport.send(2, 0, beat(1));
    await world.pass(100);
    // Time passes in one jump; what the peer answered meanwhile could not be read.
    world.clock.advance(LIMIT * 10);
    one.transport.send(2, 0, beat(2));
    await world.settle();
    expect(linkOf(one)).toMatchObject({ connected: true, reconnects: 0 });
  });
});

test("close leaves no timer, no attempt and no connection, whatever was going on", async () => {
  const [one, two] = await pair();
  world.network.reactions.set("n3:1", "hang");
  one.transport.setPeer(3, "n3:1");
  one.transport.setPeer(4, "n4:1");
  const stream = one.transport.openStream(3, "snapshot");
  await world.settle();
  const closing = Promise.all([one.transport.close(), two.transport.close()]);
  await expect(stream).rejects.toMatchObject({ code: "UNAVAILABLE" });
  world.network.release();
  await world.settle();
  await closing;
  expect(world.clock.pending).toBe(0);
  expect(world.network.connections.every(({ closedByUs }) => closedByUs)).toBe(true);
  one.transport.setPeer(5, "n5:1");
  expect(world.network.dialled).not.toContain("n5:1");
});
