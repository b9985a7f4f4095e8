import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect } from "vitest";
import type { NodeOptions } from "../../../src/index.ts";
import { FakeClock } from "../../transport/fake-platform.ts";
import { eventually } from "../cluster-fixture.ts";
import {
  type Bench,
  loadedDice,
  NO_ELECTIONS,
  pass,
  passUntil,
  putMany,
  type SettingCheck,
} from "./bench.ts";

type TransportOptions = NonNullable<NodeOptions["transport"]>;

/** Small enough that queues can be small: a queue holds a frame, and a frame a batch. */
const SMALL_FRAMES = {
  raft: { ...NO_ELECTIONS, maxAppendBytes: 100_000, maxInflightMessages: 10_000 },
  limits: { maxKeyBytes: 100, maxValueBytes: 60_000, maxBatchBytes: 70_000 },
};

/** How many appends of `bytes` bytes a leader keeps for a follower whose connection takes nothing for a while. */
async function queued(bench: Bench, transport: TransportOptions, bytes: number): Promise<number> {
  const cluster = await bench.open(3, {
    ...SMALL_FRAMES,
    transport: { maxFrameBytes: 1_200_000, ...transport },
  });
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  await putMany(leader, 3, 10, "before");
  await eventually("the follower to answer", async () => {
    const { followers, lastIndex } = await leader.status();
    return followers.some(({ id, match }) => id === follower.id && match === lastIndex);
  });
  const network = bench.network(leader.id);
  network.setClogged(cluster.address(follower.id), true);
  const { length: before } = network.appendsTo(follower.id);
  await putMany(leader, 40, bytes);
  expect(network.appendsTo(follower.id)).toHaveLength(before);
  // What was queued leaves in this very call.
  network.setClogged(cluster.address(follower.id), false);
  return network.appendsTo(follower.id).length - before;
}

/** The pauses between a node's attempts to reach one that is not there. */
async function pauses(
  bench: Bench,
  transport: TransportOptions,
  dice: "lowest" | "highest",
): Promise<readonly number[]> {
  const clock = new FakeClock();
  await bench.lonely({ clock, random: loadedDice(dice), raft: NO_ELECTIONS, transport });
  const network = bench.network(1);
  const [first] = network.dialled;
  const attempts = (): readonly number[] =>
    network.dialled.filter(({ address }) => address === first?.address).map(({ at }) => at);
  await passUntil(clock, () => attempts().length >= 6);
  const at = attempts();
  return at.slice(1).map((time, i) => time - (at[i] ?? 0));
}

async function stranger(address: string): Promise<Socket> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Queues and times between nodes. */
export const transportChecks = {
  "transport.maxQueueMessages": async (bench) => {
    expect(await queued(bench, { maxQueueMessages: 7 }, 10)).toBeLessThanOrEqual(7);
    expect(await queued(bench, { maxQueueMessages: 10_000 }, 10)).toBe(40);
  },

  "transport.maxQueueBytes": async (bench) => {
    // The connection itself holds 1 MiB already.
    const few = await queued(bench, { maxQueueBytes: 1_048_576 + 300_000 }, 50_000);
    expect(few).toBeGreaterThanOrEqual(4);
    expect(few).toBeLessThanOrEqual(6);
    expect(await queued(bench, { maxQueueBytes: 100_000_000 }, 50_000)).toBe(40);
  },

  "transport.connectTimeoutMs": async (bench) => {
    for (const connectTimeoutMs of [1_234, 4_321]) {
      await bench.open(3, { transport: { connectTimeoutMs } });
      const asked = new Set(bench.network(1).dialled.map(({ timeoutMs }) => timeoutMs));
      expect(asked).toEqual(new Set([connectTimeoutMs]));
    }
  },

  "transport.handshakeTimeoutMs": async (bench) => {
    for (const handshakeTimeoutMs of [100, 1_000]) {
      const clock = new FakeClock();
      const node = await bench.one({ clock, transport: { handshakeTimeoutMs } });
      const { address } = await node.status();
      const before = clock.pending;
      const silent = await stranger(address);
      const closed = once(silent, "close");
      await eventually("the stranger to be accepted", () => clock.pending > before);
      await pass(clock, 500, 50);
      // Who says something wrong is put out at once: afterwards the node has seen to everything that was due.
      const wrong = await stranger(address);
      const out = once(wrong, "close");
      wrong.write(Buffer.alloc(64, 0xff));
      await out;
      if (handshakeTimeoutMs > 500) {
        expect(silent.closed).toBe(false);
        await pass(clock, 600, 50);
      }
      silent.resume();
      await closed;
    }
  },

  "transport.reconnectMinMs": async (bench) => {
    const reconnectMaxMs = 1_000;
    const short = await pauses(bench, { reconnectMinMs: 30, reconnectMaxMs }, "lowest");
    const long = await pauses(bench, { reconnectMinMs: 200, reconnectMaxMs }, "lowest");
    expect(short.map((ms) => Math.round(ms / 10))).toEqual([3, 3, 3, 3, 3]);
    expect(long.map((ms) => Math.round(ms / 10))).toEqual([20, 20, 20, 20, 20]);
  },

  "transport.reconnectMaxMs": async (bench) => {
    const reconnectMinMs = 50;
    const short = await pauses(bench, { reconnectMinMs, reconnectMaxMs: 150 }, "highest");
    const long = await pauses(bench, { reconnectMinMs, reconnectMaxMs: 900 }, "highest");
    expect(short.map((ms) => Math.round(ms / 10))).toEqual([10, 15, 15, 15, 15]);
    expect(long.map((ms) => Math.round(ms / 10))).toEqual([10, 20, 40, 80, 90]);
  },
} satisfies Record<string, SettingCheck>;
