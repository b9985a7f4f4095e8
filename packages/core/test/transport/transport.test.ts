import { nodePlatform } from "@holdfast/platform";
import { afterEach, describe, expect, test } from "vitest";
import type { Entry, Heartbeat, Message, Propose } from "raft-ts-lite";
import { sealOf } from "../../src/format/sealed-entry.ts";
import { encodeFrame, FRAME_KIND } from "../../src/transport/frame.ts";
import { encodeHello } from "../../src/transport/handshake.ts";
import { sealedTestEntry } from "./arbitraries.ts";
import { closeNodes, SETTINGS, Signal, startNode, type TestNode } from "./cluster-fixture.ts";
import { FakeClock } from "./fake-platform.ts";
import { closeRaw, HELLO, helloFrame, listenRaw, type RawPeer } from "./raw-peer.ts";

afterEach(async () => {
  closeRaw();
  await closeNodes();
});

function heartbeat(from: number, to: number, commit: number): Heartbeat {
  return { type: "Heartbeat", from, to, term: 3, commit, readToken: "" };
}

function proposal(bytes: number, from = 1, to = 2): Propose {
  const entry = { type: "Normal", term: 0, index: 0, data: Buffer.alloc(bytes, 1) } as const;
  return { type: "Propose", from, to, term: 0, entries: [entry] };
}

/** Node 1, connected to node 2, and node 2. */
async function pair(): Promise<[TestNode, TestNode]> {
  const [one, two] = await Promise.all([startNode(1), startNode(2)]);
  one.transport.setPeer(2, two.transport.advertised);
  await one.connected.count(1);
  return [one, two];
}

const NOTHING: Entry = { type: "Normal", term: 0, index: 0, data: new Uint8Array() };

/** The end of the current turn and everything queued before it. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("messages", () => {
  test("sent in one turn arrive as one frame per group, in order", async () => {
    const [one, two] = await pair();
    for (let i = 0; i < 100; i++) one.transport.send(2, i % 2, heartbeat(1, 2, i));
    const frames = await two.received.count(2);
    expect(frames.map(({ from, group, messages }) => [from, group, messages.length])).toEqual([
      [1, 0, 50],
      [1, 1, 50],
    ]);
    const commits = frames.map(({ messages }) => messages.map((m) => (m as Heartbeat).commit));
    expect(commits[0]).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i));
    expect(commits[1]).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i + 1));
  });

  test("leave at once with flush, in fewer frames than turns", async () => {
    const [one, two] = await pair();
    one.transport.send(2, 0, heartbeat(1, 2, 1));
    one.transport.flush();
    expect(one.transport.stats().get(2)?.sentBytes).toBeGreaterThan(0);
    await two.received.count(1);
  });

  test("sent before the first connection are delivered once it is there", async () => {
    const [one, two] = await Promise.all([startNode(1), startNode(2)]);
    one.transport.setPeer(2, two.transport.advertised);
    expect(one.transport.send(2, 0, heartbeat(1, 2, 9))).toBe(true);
    await two.received.count(1);
    expect(two.messages).toEqual([heartbeat(1, 2, 9)]);
  });

  test("cross in both directions, each on the connection of its sender", async () => {
    const [one, two] = await pair();
    // A joiner is not known to node 1 before it introduced itself: the hello says where it listens.
    const [hello] = await two.hellos.count(1);
    two.transport.setPeer(1, hello?.address ?? "");
    two.transport.send(1, 0, heartbeat(2, 1, 4));
    one.transport.send(2, 0, heartbeat(1, 2, 5));
    await Promise.all([one.received.count(1), two.received.count(1)]);
    expect([one.messages, two.messages]).toEqual([[heartbeat(2, 1, 4)], [heartbeat(1, 2, 5)]]);
  });

  test("that carry entries arrive with the bytes that were sealed", async () => {
    const [one, two] = await pair();
    const entries = [1, 300_000, 0].map((bytes, i) =>
      sealedTestEntry(3, 8 + i, Buffer.alloc(bytes, i)),
    );
    const place = { from: 1, to: 2, term: 3, logTerm: 2, index: 7, commit: 6 };
    const message: Message = { type: "AppendEntries", ...place, entries };
    one.transport.send(2, 0, message);
    await two.received.count(1);
    expect(two.messages).toMatchObject([{ ...place, type: "AppendEntries" }]);
    const [arrived] = two.messages;
    const seals = arrived?.type === "AppendEntries" ? arrived.entries.map(sealOf) : [];
    expect(seals).toHaveLength(3);
    for (const [i, seal] of seals.entries()) {
      const sent = sealOf(entries[i] ?? NOTHING);
      expect(sent !== undefined && seal?.equals(sent)).toBe(true);
    }
  });

  test("beyond one frame are split, never above the limit", async () => {
    const [one, two] = await pair();
    const messages = Array.from({ length: 6 }, () => proposal(SETTINGS.maxFrameBytes / 4));
    for (const message of messages) one.transport.send(2, 0, message);
    await two.received.until((seen) => seen.flatMap((frame) => frame.messages).length === 6);
    expect(two.received.seen.map((frame) => frame.messages.length)).toEqual([3, 3]);
  });

  test("that fit into no frame are dropped and reported, and the connection lives on", async () => {
    const [one, two] = await pair();
    expect(one.transport.send(2, 0, proposal(SETTINGS.maxFrameBytes))).toBe(false);
    await one.unreachable.count(1);
    one.transport.send(2, 0, heartbeat(1, 2, 1));
    await two.received.count(1);
    expect(two.messages).toEqual([heartbeat(1, 2, 1)]);
  });
});

/** A node 2 that welcomes whoever comes and never reads a byte. */
async function deafPeer(): Promise<{ address: string; peers: RawPeer[] }> {
  const peers: RawPeer[] = [];
  const welcome = Buffer.concat(encodeFrame(FRAME_KIND.welcome, 0, [encodeHello(HELLO)]));
  const { address } = await listenRaw((peer) => {
    peers.push(peer);
    peer.send(welcome);
  }, false);
  return { address, peers };
}

describe("a peer that never reads", () => {
  const MESSAGE_BYTES = 64 * 1024;
  const TURNS = 400;

  async function flood(one: TestNode): Promise<number> {
    let most = 0;
    for (let i = 0; i < TURNS; i++) {
      one.transport.send(2, 0, proposal(MESSAGE_BYTES));
      await turn();
      most = Math.max(most, one.transport.stats().get(2)?.queuedBytes ?? 0);
    }
    return most;
  }

  test("costs no more memory than the bound, and the core is told", async () => {
    const settings = { maxQueueBytes: 2 * 1024 * 1024 };
    // Time stands still: what is shown here must not depend on the connection being given up for its silence.
    const platform = { ...nodePlatform(), clock: new FakeClock() };
    const one = await startNode(1, { settings, platform });
    const { address, peers } = await deafPeer();
    one.transport.setPeer(2, address);
    await one.connected.count(1);
    const most = await flood(one);
    const stats = one.transport.stats().get(2);
    expect(most).toBeGreaterThan(settings.maxQueueBytes / 2);
    expect(most).toBeLessThanOrEqual(settings.maxQueueBytes);
    expect(stats?.connected).toBe(true);
    expect(stats?.dropped).toBeGreaterThan(0);
    expect(one.unreachable.seen.length).toBeGreaterThan(0);
    // It wakes up: what was queued arrives, and then the connection is as good as new.
    peers[0]?.socket.resume();
    while ((one.transport.stats().get(2)?.queuedBytes ?? 0) > 0) await turn();
    expect(one.transport.send(2, 0, heartbeat(1, 2, 1))).toBe(true);
  });

  test("does not slow down another peer", async () => {
    const one = await startNode(1, { settings: { maxQueueBytes: 1024 * 1024 } });
    const three = await startNode(3);
    const { address } = await deafPeer();
    one.transport.setPeer(2, address);
    one.transport.setPeer(3, three.transport.advertised);
    await one.connected.count(2);
    const flooded = flood(one);
    for (let i = 0; i < 10; i++) one.transport.send(3, 0, heartbeat(1, 3, i));
    await three.received.count(1);
    await flooded;
    expect(one.transport.stats().get(3)?.dropped).toBe(0);
  });

  test("a message bound holds for tiny messages, whose bytes hardly count", async () => {
    const one = await startNode(1, { settings: { maxQueueMessages: 50 } });
    const { address } = await deafPeer();
    one.transport.setPeer(2, address);
    await one.connected.count(1);
    for (let i = 0; i < 80; i++) one.transport.send(2, 0, heartbeat(1, 2, i));
    expect(one.transport.stats().get(2)).toMatchObject({ queuedMessages: 50, dropped: 30 });
  });
});

describe("a connection that breaks", () => {
  test("is made again when the peer is back, and the core is told in between", async () => {
    const [one, two] = await pair();
    const listen = two.transport.address;
    await two.transport.close();
    await one.unreachable.count(1);
    const again = await startNode(2, { listen });
    await one.connected.count(2);
    one.transport.send(2, 0, heartbeat(1, 2, 8));
    await again.received.count(1);
    expect(again.messages).toEqual([heartbeat(1, 2, 8)]);
    expect(one.transport.stats().get(2)).toMatchObject({ connected: true, reconnects: 1 });
  });

  test("in the middle of a frame delivers nothing of it, and is made again", async () => {
    const frames: RawPeer[] = [];
    const welcome = Buffer.concat(encodeFrame(FRAME_KIND.welcome, 0, [encodeHello(HELLO)]));
    const { address } = await listenRaw((peer) => {
      frames.push(peer);
      peer.send(welcome);
    });
    const one = await startNode(1);
    one.transport.setPeer(2, address);
    await one.connected.count(1);
    frames[0]?.send(helloFrame().subarray(0, 11));
    frames[0]?.socket.end();
    await one.connected.count(2);
    expect(one.transport.stats().get(2)?.reconnects).toBe(1);
    expect(one.unreachable.seen).toEqual([2]);
  });

  test("a listener that answers with nonsense is left, and tried again later", async () => {
    const met = new Signal<RawPeer>();
    const { address } = await listenRaw((peer) => {
      met.emit(peer);
      peer.send(Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"));
    });
    const one = await startNode(1);
    one.transport.setPeer(2, address);
    await met.count(3);
    expect(one.connected.seen).toEqual([]);
    expect(one.transport.stats().get(2)).toMatchObject({ connected: false });
  });

  test("a listener that says more than its welcome is left", async () => {
    const welcome = Buffer.concat(encodeFrame(FRAME_KIND.welcome, 0, [encodeHello(HELLO)]));
    const { address } = await listenRaw((peer) => {
      peer.send(welcome, helloFrame());
    });
    const one = await startNode(1);
    one.transport.setPeer(2, address);
    await one.connected.count(2);
    expect(one.unreachable.seen).toContain(2);
  });
});

describe("life cycle", () => {
  test("a port in use is a typed error that says what to do", async () => {
    const one = await startNode(1);
    const { port } = one.transport.address;
    const failed = startNode(2, { listen: { host: "127.0.0.1", port } });
    await expect(failed).rejects.toMatchObject({ name: "HoldfastError", code: "ADDRESS" });
    await expect(failed).rejects.toThrow(`(127.0.0.1:${port}) is in use: stop the process`);
  });

  test("an address of another machine is a typed error", async () => {
    const failed = startNode(1, { listen: { host: "203.0.113.1", port: 0 } });
    await expect(failed).rejects.toMatchObject({ code: "ADDRESS" });
  });

  test("a removed peer gets what was queued, and its own connection is closed", async () => {
    const [one, two] = await pair();
    two.transport.setPeer(1, one.transport.advertised);
    await two.connected.count(1);
    one.admit = () => Promise.resolve({ code: "REMOVED", message: "node (2) was removed" });
    one.transport.send(2, 0, heartbeat(1, 2, 6));
    one.transport.removePeer(2);
    one.transport.removePeer(2);
    await two.received.count(1);
    const [told] = await two.refused.count(1);
    expect(told).toMatchObject({ by: 1, refusal: { code: "REMOVED" } });
    expect(one.transport.stats().has(2)).toBe(false);
    expect(one.transport.send(2, 0, heartbeat(1, 2, 7))).toBe(false);
  });

  test("close is idempotent and frees the port at once", async () => {
    const [one, two] = await pair();
    const { address } = one.transport;
    await Promise.all([one.transport.close(), one.transport.close()]);
    const again = await startNode(1, { listen: address });
    expect(again.transport.address).toEqual(address);
    expect(two.unreachable.seen).toEqual([]);
  });

  test("close leaves no socket, listener or referenced timer behind", async () => {
    const open = (): string[] =>
      process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));
    const before = open().length;
    const [one, two] = await pair();
    two.transport.setPeer(1, one.transport.advertised);
    one.transport.setPeer(3, "127.0.0.1:1");
    await two.connected.count(1);
    await one.transport.openStream(2, "snapshot");
    expect(open().length).toBeGreaterThan(before);
    await Promise.all([one.transport.close(), two.transport.close()]);
    expect(open()).toHaveLength(before);
  });

  test("a closed transport sends nothing and tells nothing", async () => {
    const [one, two] = await pair();
    one.transport.send(2, 0, heartbeat(1, 2, 1));
    await one.transport.close();
    expect(one.transport.send(2, 0, heartbeat(1, 2, 2))).toBe(false);
    await turn();
    expect(one.unreachable.seen).toEqual([]);
    expect(two.messages.length).toBeLessThanOrEqual(1);
  });
});
