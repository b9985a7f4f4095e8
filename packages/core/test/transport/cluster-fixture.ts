import { type Address, nodePlatform, type Platform } from "@holdfast/platform";
import type { Message, NodeId } from "raft-ts-lite";
import type { FrameStream } from "../../src/transport/frame-stream.ts";
import type { Hello, Refusal } from "../../src/transport/handshake.ts";
import type { TransportSettings } from "../../src/transport/peer-link.ts";
import { Transport, type TransportHandlers } from "../../src/transport/transport.ts";

export const SETTINGS: TransportSettings = {
  maxFrameBytes: 4 * 1024 * 1024,
  maxQueueBytes: 8 * 1024 * 1024,
  maxQueueMessages: 10_000,
  connectTimeoutMs: 2_000,
  reconnectMinMs: 5,
  reconnectMaxMs: 40,
  handshakeTimeoutMs: 2_000,
};

export const CLUSTER_ID: Uint8Array = Buffer.alloc(16, 7);

export interface Received {
  readonly from: NodeId;
  readonly group: number;
  readonly messages: readonly Message[];
}

/** Something that tests wait for: resolved by the event itself, never by time. */
export class Signal<T> {
  readonly seen: T[] = [];
  #waiting: (() => void)[] = [];

  emit(value: T): void {
    this.seen.push(value);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves once `condition` holds for what was seen so far. */
  async until(condition: (seen: readonly T[]) => boolean): Promise<readonly T[]> {
    while (!condition(this.seen)) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.seen;
  }

  async count(n: number): Promise<readonly T[]> {
    return await this.until((seen) => seen.length >= n);
  }
}

/** A node's end of the transport that notes everything it is told. */
export class TestNode {
  readonly received = new Signal<Received>();
  readonly unreachable = new Signal<NodeId>();
  readonly connected = new Signal<NodeId>();
  readonly hellos = new Signal<Hello>();
  readonly refused = new Signal<{ by: NodeId; refusal: Refusal }>();
  readonly streams = new Signal<{ from: NodeId; stream: FrameStream }>();
  admit: (hello: Hello) => Promise<Refusal | undefined> = () => Promise.resolve(undefined);
  recognise: (welcome: Hello) => Refusal | undefined = () => undefined;
  transport!: Transport;

  readonly handlers: TransportHandlers = {
    messages: (from, group, messages) => this.received.emit({ from, group, messages }),
    unreachable: (to) => this.unreachable.emit(to),
    connected: (to) => this.connected.emit(to),
    admit: (hello) => {
      this.hellos.emit(hello);
      return this.admit(hello);
    },
    recognise: (welcome) => this.recognise(welcome),
    refused: (by, refusal) => this.refused.emit({ by, refusal }),
    snapshotStream: (from, stream) => this.streams.emit({ from, stream }),
  };

  /** All messages received, whatever frames they came in. */
  get messages(): readonly Message[] {
    return this.received.seen.flatMap(({ messages }) => messages);
  }
}

export interface NodeOptions {
  readonly platform?: Pick<Platform, "clock" | "random" | "network" | "scheduler">;
  readonly listen?: Address;
  readonly clusterId?: Uint8Array;
  readonly incarnation?: number;
  readonly settings?: Partial<TransportSettings>;
}

const open = new Set<TestNode>();

export async function startNode(id: NodeId, options: NodeOptions = {}): Promise<TestNode> {
  const node = new TestNode();
  node.transport = await Transport.listen({
    platform: options.platform ?? nodePlatform(),
    listen: options.listen ?? { host: "127.0.0.1", port: 0 },
    self: {
      clusterId: options.clusterId ?? CLUSTER_ID,
      nodeId: id,
      incarnation: options.incarnation ?? 1_000 + id,
    },
    settings: { ...SETTINGS, ...options.settings },
    handlers: node.handlers,
  });
  open.add(node);
  return node;
}

/** For `afterEach`. */
export async function closeNodes(): Promise<void> {
  await Promise.all([...open].map((node) => node.transport.close()));
  open.clear();
}
