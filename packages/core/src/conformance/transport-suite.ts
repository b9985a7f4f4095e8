import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Message, NodeId } from "raft-ts-lite";
import {
  beat,
  beatsOf,
  BenchNode,
  type BenchOptions,
  DeafNode,
  load,
  type TransportMember,
} from "./transport-bench.ts";
import type { TestRunner } from "./test-runner.ts";

export type { TransportMember } from "./transport-bench.ts";

/** The surroundings of one test. */
export interface TransportWorld {
  /** What node `id` runs on. Called once for each node. */
  member(id: NodeId): TransportMember;
  /** Waits for `work`. A simulated world moves on until it has ended. */
  run(work: Promise<void>): Promise<void>;
  /** Releases what the world holds. */
  close(): Promise<void>;
}

/** What {@link transportSuite} must know of the network and of the test runner. */
export interface TransportSuiteOptions {
  readonly test: TestRunner;
  /** Makes a world without faults. The suite closes it. */
  readonly world: () => TransportWorld;
}

type Body = (net: Bench) => Promise<void>;

/**
 * Registers the tests of what a node relies on when it talks to others: run with the production transport over a `Network`, so that who
 * replaces the network learns whether nodes can live on it. Each needs nothing of the others.
 */
export function transportSuite({ test, world }: TransportSuiteOptions): void {
  const tests: Readonly<Record<string, Body>> = {
    "messages of many turns arrive in order, each once": inOrder,
    "both directions go on their own": bothWays,
    "messages of any size arrive whole, in order": anySize,
    "a message that fits no frame is refused and reported, and the others pass": tooLarge,
    "what is sent before the connection is there arrives on it": early,
    "who is not known or not there is reported": nobody,
    "a peer that reads nothing costs bounded memory, and catches up": deaf,
    "a peer that reads nothing slows down nobody else": deafBeside,
    "a peer that comes back is reached again, and hears nothing twice": receiverReturns,
    "a node that comes back takes the place of its former connection": senderReturns,
    "of two connections of one node the newer one counts": newerCounts,
    "a node of another cluster is refused on either side": otherCluster,
    "who answers in another's place is not spoken to": otherNode,
    "a node that is not admitted learns why, and says nothing": notAdmitted,
    "a removed peer gets what was sent before, and nothing more": removed,
    "a stream carries frames in order, as fast as they are taken": stream,
    "a stream that is given up ends on both sides": streamGivenUp,
    "nothing is heard after closing, and the address is free": closing,
  };
  for (const [name, body] of Object.entries(tests)) {
    test(name, async () => {
      const net = new Bench(world());
      await net.run(body);
    });
  }
}

async function inOrder(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  for (let i = 0; i < 500; i++) {
    one.transport.send(2, i % 3, beat(1, 2, i));
    if (i % 7 === 0) await one.turn();
  }
  await two.messages.count(500);
  // Groups share a connection, and so does what each sends in one turn.
  for (const group of [0, 1, 2]) {
    deepEqual(
      two.beats.filter((number) => number % 3 === group),
      range(500).filter((number) => number % 3 === group),
    );
  }
}

async function bothWays(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  await two.connect(1, one);
  for (let i = 0; i < 50; i++) {
    one.transport.send(2, 0, beat(1, 2, i));
    two.transport.send(1, 0, beat(2, 1, 100 + i));
    await one.turn();
  }
  await Promise.all([one.messages.count(50), two.messages.count(50)]);
  deepEqual(two.beats, range(50));
  deepEqual(
    one.beats,
    range(50).map((i) => 100 + i),
  );
}

async function anySize(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  const sent = [0, 1, 1_400, 70_000, 2_500_000, 300_000, 5].flatMap((bytes, i) => [
    load(1, 2, bytes),
    beat(1, 2, i),
  ]);
  for (const message of sent) ok(one.transport.send(2, 0, message));
  await two.messages.count(sent.length);
  deepEqual(plain(two.messages.all), plain(sent));
}

async function tooLarge(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  equal(one.transport.send(2, 0, load(1, 2, 4 * 1024 * 1024)), false);
  ok(one.transport.send(2, 0, beat(1, 2, 1)));
  await one.unreachable.count(1);
  await two.messages.count(1);
  deepEqual(two.beats, [1]);
  equal(one.connected.all.length, 1);
}

async function early(net: Bench): Promise<void> {
  const [one, two] = [await net.start(1), await net.start(2)];
  one.transport.setPeer(2, two.address);
  ok(one.transport.send(2, 0, beat(1, 2, 9)));
  await two.messages.count(1);
  deepEqual(two.beats, [9]);
}

async function nobody(net: Bench): Promise<void> {
  const [one, two] = [await net.start(1), await net.start(2)];
  equal(one.transport.send(3, 0, beat(1, 3, 1)), false);
  deepEqual(await one.unreachable.count(1), [3]);
  await two.transport.close();
  one.transport.setPeer(2, two.address);
  // Dropped when the attempt fails, and reported then.
  one.transport.send(2, 0, beat(1, 2, 1));
  await one.unreachable.until((all) => all.includes(2));
  await rejects(one.transport.openStream(2, "snapshot"), hasCode("UNAVAILABLE"));
}

async function deaf(net: Bench): Promise<void> {
  // More than what is handed to the connection at once: the rest must follow by itself.
  const maxQueueBytes = 3 * 1024 * 1024;
  const one = await net.start(1, { settings: { maxQueueBytes } });
  const two = await net.deaf(2);
  await one.connect(2, two);
  const accepted = await flood(one, maxQueueBytes);
  ok(one.unreachable.all.includes(2));
  two.listen();
  await two.messages.count(accepted);
  equal(one.connected.all.length, 1, "the connection was given up");
  ok(one.transport.send(2, 0, beat(1, 2, 1)));
  await two.messages.count(accepted + 1);
  deepEqual(beatsOf(two.messages.all), [1]);
}

async function deafBeside(net: Bench): Promise<void> {
  const one = await net.start(1, { settings: { maxQueueBytes: 1024 * 1024 } });
  const [two, three] = [await net.deaf(2), await net.start(3)];
  await one.connect(2, two);
  await one.connect(3, three);
  await flood(one, 1024 * 1024);
  for (let i = 0; i < 100; i++) ok(one.transport.send(3, 0, beat(1, 3, i)));
  await three.messages.count(100);
  deepEqual(three.beats, range(100));
}

/** Sends to node 2 until something is dropped; returns how much was not. */
async function flood(one: BenchNode, maxQueueBytes: number): Promise<number> {
  const message = load(1, 2, 64 * 1024);
  // More than all buffers on the way can take.
  for (let accepted = 0; accepted < 2_000; accepted++) {
    if (!one.transport.send(2, 0, message)) {
      await one.turn();
      return accepted;
    }
    await one.turn();
    const queued = one.transport.stats().get(2)?.queuedBytes ?? 0;
    ok(queued <= maxQueueBytes, `(${queued}) bytes are queued, at most (${maxQueueBytes})`);
  }
  throw new Error("a peer that reads nothing takes everything");
}

async function receiverReturns(net: Bench): Promise<void> {
  const [one, first] = await net.pair();
  const { address: listen } = first.transport;
  const lives = [first];
  let number = 0;
  for (let life = 1; life <= 4; life++) {
    for (let i = 0; i < 40; i++) {
      one.transport.send(2, 0, beat(1, 2, number++));
      if (i % 4 === 0) await one.turn();
    }
    const before = one.connected.all.length;
    await lives.at(-1)?.transport.close();
    await one.unreachable.count(life);
    lives.push(await net.start(2, { listen }));
    await one.connected.count(before + 1);
  }
  const last = lives.at(-1);
  one.transport.send(2, 0, beat(1, 2, number));
  await last?.messages.until((all) => beatsOf(all).includes(number));
  // What was on its way when the peer went is lost, and nothing else is wrong.
  const heard = lives.flatMap(({ beats }) => beats);
  deepEqual(
    heard,
    [...new Set(heard)].sort((a, b) => a - b),
  );
}

async function senderReturns(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  one.transport.send(2, 0, beat(1, 2, 1));
  await two.messages.count(1);
  const { address: listen } = one.transport;
  await one.transport.close();
  const again = await net.start(1, { listen });
  await again.connect(2, two);
  again.transport.send(2, 0, beat(1, 2, 2));
  await two.messages.count(2);
  deepEqual(two.beats, [1, 2]);
  equal(two.hellos.all.length, 2);
}

async function newerCounts(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  // Node 1 was started again elsewhere, and its former self goes on: nobody hears it any more.
  const again = await net.start(1, { on: 3 });
  await again.connect(2, two);
  deepEqual(await one.unreachable.count(1), [2]);
}

async function otherCluster(net: Bench): Promise<void> {
  const [one, two] = [await net.start(1), await net.start(2, { cluster: new Uint8Array(16) })];
  one.transport.setPeer(2, two.address);
  one.transport.send(2, 0, beat(1, 2, 1));
  const [told] = await one.refused.count(1);
  deepEqual([told?.by, told?.refusal.code], [2, "CLUSTER_MISMATCH"]);
  deepEqual([two.messages.all, two.hellos.all, one.connected.all], [[], [], []]);
}

async function otherNode(net: Bench): Promise<void> {
  const [one, three] = [await net.start(1), await net.start(3)];
  one.transport.setPeer(2, three.address);
  one.transport.send(2, 0, beat(1, 2, 1));
  await three.hellos.count(2);
  deepEqual([three.messages.all, one.connected.all], [[], []]);
}

async function notAdmitted(net: Bench): Promise<void> {
  const refusal = { code: "REMOVED", message: "node (1) was removed" } as const;
  const [one, two] = [await net.start(1), await net.start(2, { admit: () => refusal })];
  one.transport.setPeer(2, two.address);
  one.transport.send(2, 0, beat(1, 2, 1));
  deepEqual(await one.refused.count(1), [{ by: 2, refusal }]);
  await rejects(one.transport.openStream(2, "snapshot"), hasCode("UNAVAILABLE"));
  deepEqual([two.messages.all, two.streams.all, one.connected.all], [[], [], []]);
}

async function removed(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  one.transport.send(2, 0, beat(1, 2, 6));
  one.transport.removePeer(2);
  equal(one.transport.send(2, 0, beat(1, 2, 7)), false);
  await two.messages.count(1);
  await one.connect(2, two);
  one.transport.send(2, 0, beat(1, 2, 8));
  await two.messages.count(2);
  deepEqual(two.beats, [6, 8]);
}

const CHUNK = 128 * 1024;
const CHUNKS = 60;

async function stream(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  const out = await one.transport.openStream(2, "snapshot");
  const sending = (async () => {
    for (let i = 0; i < CHUNKS; i++) await out.send(6, i, [new Uint8Array(CHUNK).fill(i)]);
  })();
  const [incoming] = await two.streams.count(1);
  ok(incoming !== undefined);
  // Messages pass what waits.
  one.transport.send(2, 0, beat(1, 2, 1));
  await two.messages.count(1);
  let count = 0;
  for await (const { kind, group, body } of incoming.frames()) {
    deepEqual([kind, group, body.length], [6, count, CHUNK]);
    ok(body.every((byte) => byte === count));
    count += 1;
    if (count === CHUNKS) await incoming.send(8, 1, [Uint8Array.of(1)]);
    if (count === CHUNKS) incoming.end();
  }
  await sending;
  const answers: number[] = [];
  for await (const { kind } of out.frames()) answers.push(kind);
  deepEqual([count, answers], [CHUNKS, [8]]);
  await Promise.all([out.closed, incoming.closed]);
}

async function streamGivenUp(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  const out = await one.transport.openStream(2, "snapshot");
  const [incoming] = await two.streams.count(1);
  incoming?.destroy();
  await Promise.all([out.closed, incoming?.closed]);
  await rejects(out.send(6, 0, [Uint8Array.of(1)]), hasCode("CLOSED"));
  one.transport.send(2, 0, beat(1, 2, 1));
  await two.messages.count(1);
}

async function closing(net: Bench): Promise<void> {
  const [one, two] = await net.pair();
  await two.connect(1, one);
  await one.transport.openStream(2, "snapshot");
  two.transport.send(1, 0, beat(2, 1, 1));
  const { address: listen } = one.transport;
  await Promise.all([one.transport.close(), one.transport.close()]);
  const heard = one.messages.all.length;
  equal(one.transport.send(2, 0, beat(1, 2, 1)), false);
  await two.unreachable.count(1);
  const again = await net.start(1, { listen });
  await two.connected.count(2);
  two.transport.send(1, 0, beat(2, 1, 2));
  await again.messages.count(1);
  deepEqual(again.beats, [2]);
  deepEqual([one.messages.all.length, one.unreachable.all], [heard, []]);
}

/** The nodes of one test. */
class Bench {
  readonly #world: TransportWorld;
  readonly #members = new Map<NodeId, TransportMember>();
  readonly #open: { close(): Promise<void> }[] = [];

  constructor(world: TransportWorld) {
    this.#world = world;
  }

  async run(body: Body): Promise<void> {
    try {
      await this.#world.run(this.#runAndClose(body));
    } finally {
      await this.#world.close();
    }
  }

  async #runAndClose(body: Body): Promise<void> {
    try {
      await body(this);
    } finally {
      await Promise.all(this.#open.map((node) => node.close()));
    }
  }

  async start(id: NodeId, options: BenchOptions = {}): Promise<BenchNode> {
    const node = await BenchNode.start(this.#member(options.on ?? id), id, options);
    this.#open.push(node.transport);
    return node;
  }

  async deaf(id: NodeId): Promise<DeafNode> {
    const node = await DeafNode.start(this.#member(id), id);
    this.#open.push(node);
    return node;
  }

  /** Node 1, connected to node 2, and node 2. */
  async pair(): Promise<[BenchNode, BenchNode]> {
    const [one, two] = [await this.start(1), await this.start(2)];
    await one.connect(2, two);
    return [one, two];
  }

  #member(id: NodeId): TransportMember {
    const member = this.#members.get(id) ?? this.#world.member(id);
    this.#members.set(id, member);
    return member;
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** What of a message must arrive: bytes may be of another kind of array. */
function plain(messages: readonly Message[]): unknown {
  return messages.map((message) => {
    if (message.type !== "Propose") return message;
    const entries = message.entries.map((one) => ({ ...one, data: Uint8Array.from(one.data) }));
    return { ...message, entries };
  });
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Error && "code" in error && error.code === code;
}
