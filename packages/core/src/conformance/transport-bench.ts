import type { Address, Connection, Platform } from "@holdfast/platform";
import type { Heartbeat, Message, NodeId, Propose } from "raft-ts-lite";
import { encodeFrame, FRAME_KIND, FrameDecoder } from "../transport/frame.ts";
import type { FrameStream } from "../transport/frame-stream.ts";
import { encodeHello, type Hello, PROTOCOL, type Refusal } from "../transport/handshake.ts";
import { readMessages } from "../transport/message-decoder.ts";
import type { TransportSettings } from "../transport/peer-link.ts";
import { Transport } from "../transport/transport.ts";
import { asBuffer } from "../format/bytes.ts";

/** What one node of a test runs on. */
export interface TransportMember {
  readonly platform: Pick<Platform, "clock" | "random" | "network" | "scheduler">;
  /** Where it listens. Port 0, or a port that is free. */
  readonly listen: Address;
}

/** Short pauses between attempts, and time limits that no test waits for. */
const SETTINGS: TransportSettings = {
  maxFrameBytes: 4 * 1024 * 1024,
  maxQueueBytes: 8 * 1024 * 1024,
  maxQueueMessages: 10_000,
  connectTimeoutMs: 10_000,
  reconnectMinMs: 5,
  reconnectMaxMs: 40,
  handshakeTimeoutMs: 10_000,
};
const CLUSTER = new Uint8Array(16).fill(7);

/** Something that a test waits for: the event itself, never time. */
export class Seen<T> {
  readonly all: T[] = [];
  #waiting: (() => void)[] = [];

  add(value: T): void {
    this.all.push(value);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves once `condition` holds for all that was seen. */
  async until(condition: (all: readonly T[]) => boolean): Promise<readonly T[]> {
    while (!condition(this.all)) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.all;
  }

  async count(least: number): Promise<readonly T[]> {
    return await this.until(({ length }) => length >= least);
  }
}

/** How the node of a test differs from the others. */
export interface BenchOptions {
  /** The member that it runs on, if not its own. */
  readonly on?: NodeId;
  readonly listen?: Address;
  readonly cluster?: Uint8Array;
  readonly settings?: Partial<TransportSettings>;
  readonly admit?: (hello: Hello) => Refusal | undefined;
}

/** The production transport of one node, and everything that it said. */
export class BenchNode {
  readonly messages: Seen<Message> = new Seen();
  readonly unreachable: Seen<NodeId> = new Seen();
  readonly connected: Seen<NodeId> = new Seen();
  readonly hellos: Seen<Hello> = new Seen();
  readonly refused: Seen<{ readonly by: NodeId; readonly refusal: Refusal }> = new Seen();
  readonly streams: Seen<FrameStream> = new Seen();
  readonly transport: Transport;
  readonly #member: TransportMember;

  private constructor(member: TransportMember, transport: Transport) {
    this.#member = member;
    this.transport = transport;
  }

  static async start(
    member: TransportMember,
    id: NodeId,
    { listen, cluster = CLUSTER, settings, admit }: BenchOptions = {},
  ): Promise<BenchNode> {
    const transport = await Transport.listen({
      platform: member.platform,
      listen: listen ?? member.listen,
      self: { clusterId: cluster, nodeId: id, incarnation: 1_000 + id },
      settings: { ...SETTINGS, ...settings },
      handlers: {
        messages: (_, __, messages) => {
          for (const message of messages) node.messages.add(message);
        },
        unreachable: (to) => node.unreachable.add(to),
        connected: (to) => node.connected.add(to),
        admit: (hello) => {
          node.hellos.add(hello);
          return Promise.resolve(admit?.(hello));
        },
        recognise: () => undefined,
        refused: (by, refusal) => node.refused.add({ by, refusal }),
        snapshotStream: (_, stream) => node.streams.add(stream),
      },
    });
    const node: BenchNode = new BenchNode(member, transport);
    return node;
  }

  /** The numbers of the heartbeats that arrived, in order. */
  get beats(): readonly number[] {
    return beatsOf(this.messages.all);
  }

  /** Makes another node known, and waits for the connection. */
  async connect(id: NodeId, to: { readonly address: string }): Promise<void> {
    const before = this.connected.all.length;
    this.transport.setPeer(id, to.address);
    await this.connected.count(before + 1);
  }

  get address(): string {
    return this.transport.advertised;
  }

  /** The end of the current turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#member.platform.scheduler.endOfTurn(resolve);
    });
  }
}

/** Welcomes whoever dials it as node `id`, and reads nothing until it is told to. */
export class DeafNode {
  readonly messages: Seen<Message> = new Seen();
  readonly #connections: Connection[] = [];
  readonly #close: () => Promise<void>;
  readonly address: string;

  private constructor(address: string, close: () => Promise<void>) {
    this.address = address;
    this.#close = close;
  }

  static async start({ platform, listen }: TransportMember, id: NodeId): Promise<DeafNode> {
    const early: Connection[] = [];
    let accept = (connection: Connection): void => void early.push(connection);
    const listener = await platform.network.listen(listen, (connection) => {
      accept(connection);
    });
    const { host, port } = listener.address;
    const node = new DeafNode(`${host}:${port}`, () => listener.close());
    accept = (connection) => {
      node.#welcome(connection, id);
    };
    for (const connection of early) accept(connection);
    return node;
  }

  listen(): void {
    for (const connection of this.#connections) connection.setReading(true);
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await this.#close();
  }

  #welcome(connection: Connection, id: NodeId): void {
    this.#connections.push(connection);
    const decoder = new FrameDecoder(SETTINGS.maxFrameBytes);
    connection.start({
      data: (bytes) => {
        decoder.push(asBuffer(bytes));
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          if (frame.kind === FRAME_KIND.hello) {
            connection.setReading(false);
            connection.write(encodeFrame(FRAME_KIND.welcome, 0, [welcomeOf(id, this.address)]));
          } else {
            for (const message of readMessages(frame.body)) this.messages.add(message);
          }
        }
      },
      drained: () => undefined,
      closed: () => undefined,
    });
  }
}

function welcomeOf(id: NodeId, address: string): Uint8Array {
  return encodeHello({
    protocol: PROTOCOL,
    role: "peer",
    clusterId: CLUSTER,
    nodeId: id,
    incarnation: 1_000 + id,
    amnesiac: false,
    features: [],
    address,
  });
}

/** A small message with a number. */
export function beat(from: NodeId, to: NodeId, number: number): Heartbeat {
  return { type: "Heartbeat", from, to, term: 1, commit: number, readToken: "" };
}

export function beatsOf(messages: readonly Message[]): readonly number[] {
  return messages.flatMap((message) => (message.type === "Heartbeat" ? [message.commit] : []));
}

/** A message of so many bytes. */
export function load(from: NodeId, to: NodeId, bytes: number): Propose {
  const data = new Uint8Array(bytes).map((_, i) => (i * 31) % 251);
  return {
    type: "Propose",
    from,
    to,
    term: 1,
    entries: [{ type: "Normal", term: 0, index: 0, data }],
  };
}
