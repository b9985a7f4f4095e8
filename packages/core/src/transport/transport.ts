import {
  type Address,
  type Connection,
  type Listener,
  NetworkError,
  type Platform,
} from "@holdfast/platform";
import type { Message, NodeId } from "raft-ts-lite";
import { assert, HoldfastError } from "../errors.ts";
import { formatAddress } from "./address.ts";
import type { Channel } from "./channel.ts";
import { Dial, type DialContext, type DialOutcome } from "./dial.ts";
import { ChannelStream, type FrameStream } from "./frame-stream.ts";
import { type Hello, type Identity, PROTOCOL, type Refusal } from "./handshake.ts";
import { Inbound, type InboundContext } from "./inbound.ts";
import { crossesNetwork } from "./message-frame.ts";
import { type LinkContext, PeerLink, type PeerStats, type TransportSettings } from "./peer-link.ts";

/** Accepted connections that may be in their handshake at once; the oldest makes room. */
const MAX_STRANGERS = 128;

/** What the transport tells the node. Never called from within one of the transport's own methods, `close` included. */
export interface TransportHandlers {
  /** Raft messages of one group that arrived in one frame from an authenticated peer, in order. */
  messages(from: NodeId, group: number, messages: readonly Message[]): void;
  /** Something for this peer was dropped, or its connection broke: the core should probe. */
  unreachable(to: NodeId): void;
  /** Messages for this peer can leave. */
  connected(to: NodeId): void;
  /**
   * Decides whether whoever introduced itself may speak (incarnation pins, removed ids); cluster, protocol and role were
   * checked. `undefined` accepts. Where the answer rests on a new pin, it must be durable before the promise resolves. A
   * rejection closes the connection without an answer.
   */
  admit(hello: Hello): Promise<Refusal | undefined>;
  /**
   * Whether somebody who welcomed this node, and proved to be of its cluster, is not who it was when it was met before: then nothing is sent to it.
   * `undefined` when it is, or was never met.
   */
  recognise(welcome: Hello): Refusal | undefined;
  /** A peer refused this node. Dialling goes on, slowly: the node decides whether that is the end. */
  refused(by: NodeId, refusal: Refusal): void;
  /** A peer opened a snapshot stream; it belongs to the callee. */
  snapshotStream(from: NodeId, stream: FrameStream): void;
}

/** What {@link Transport.listen} needs. */
export interface TransportOptions {
  readonly platform: Pick<Platform, "clock" | "random" | "network" | "scheduler">;
  readonly listen: Address;
  /** Where others reach this node, as `host:port`; by default the bound address. */
  readonly advertise?: string;
  readonly self: Identity;
  readonly settings: TransportSettings;
  readonly handlers: TransportHandlers;
}

/**
 * Carries Raft messages between nodes, and streams of frames beside them. Delivery is what Raft expects of a network: in order
 * per connection, at most once, and no promise that it happens. TLS will come as another `Network`.
 */
export class Transport {
  /** As bound: with the real port when 0 was asked for. */
  readonly address: Address;
  /** Where others are told to reach this node. */
  readonly advertised: string;
  readonly #options: TransportOptions;
  readonly #listener: Listener;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #inbound = new Map<NodeId, Inbound>();
  readonly #strangers = new Set<Inbound>();
  readonly #channels = new Set<Channel>();
  readonly #dials = new Set<Dial>();
  readonly #dialContext: DialContext;
  readonly #linkContext: LinkContext;
  readonly #inboundContext: InboundContext;
  readonly #dirty = new Set<PeerLink>();
  readonly #lost = new Set<NodeId>();
  #flushPlanned = false;
  #closed: Promise<void> | undefined;

  /** Binds the address. Throws `ADDRESS` when it is in use or cannot be bound. */
  static async listen(options: TransportOptions): Promise<Transport> {
    // A connection can be there before the call returns; it waits unread.
    const early: Connection[] = [];
    let accept = (connection: Connection): void => {
      early.push(connection);
    };
    const listener = await bind(options, (connection) => {
      accept(connection);
    });
    const transport = new Transport(options, listener);
    accept = (connection) => {
      transport.#accept(connection);
    };
    for (const connection of early) transport.#accept(connection);
    return transport;
  }

  private constructor(options: TransportOptions, listener: Listener) {
    this.address = listener.address;
    this.advertised = options.advertise ?? formatAddress(listener.address);
    this.#options = options;
    this.#listener = listener;
    const { platform, settings, handlers, self } = options;
    const { clock, network, random } = platform;
    const { connectTimeoutMs, handshakeTimeoutMs, maxFrameBytes } = settings;
    const shared = { clock, handshakeTimeoutMs, maxFrameBytes, channels: this.#channels };
    const recognise = (welcome: Hello): Refusal | undefined => handlers.recognise(welcome);
    this.#dialContext = { ...shared, network, connectTimeoutMs, recognise, dials: this.#dials };
    this.#linkContext = {
      clock,
      random,
      settings,
      dialling: this.#dialContext,
      hello: () => this.#introduction("peer"),
      lost: (to) => this.#noteLost(to),
      connected: (to) => handlers.connected(to),
      refused: (by, refusal) => handlers.refused(by, refusal),
    };
    this.#inboundContext = {
      ...shared,
      self,
      strangers: this.#strangers,
      admit: (hello) => handlers.admit(hello),
      welcome: (hello) => this.#introduction(hello.role),
      joined: (inbound, hello) => this.#joined(inbound, hello.nodeId),
      stream: (from, stream) => handlers.snapshotStream(from, stream),
      received: (from, bytes) => this.#links.get(from)?.heard(bytes),
      messages: (from, group, messages) => handlers.messages(from, group, messages),
      left: (inbound) => this.#left(inbound),
    };
  }

  /** Makes a peer known and keeps a connection to it; with another address, reconnects. Idempotent. */
  setPeer(id: NodeId, address: string): void {
    if (this.#closed !== undefined || id === this.#options.self.nodeId) return;
    const link = this.#links.get(id);
    if (link === undefined) this.#links.set(id, new PeerLink(this.#linkContext, id, address));
    else link.redirect(address);
  }

  /** Sends what is queued for a peer and forgets it, and closes the connections of both directions; streams go on. Idempotent. */
  removePeer(id: NodeId): void {
    const link = this.#links.get(id);
    this.#links.delete(id);
    if (link !== undefined) {
      this.#dirty.delete(link);
      link.close();
    }
    this.#inbound.get(id)?.destroy();
  }

  /**
   * Queues a message; everything queued for a peer in one turn leaves at its end as one write, with one frame per group. False
   * when it was dropped: the peer is unknown or not connected, or its queue is full. `unreachable` follows in the same turn.
   * Entries of an AppendEntries must have been sealed, and their bytes are never changed.
   */
  send(to: NodeId, group: number, message: Message): boolean {
    assert(crossesNetwork(message), `a message of type (${message.type}) never leaves its node`);
    const link = this.#links.get(to);
    if (link === undefined) {
      this.#noteLost(to);
      return false;
    }
    if (!link.push(group, message)) return false;
    this.#dirty.add(link);
    this.#planFlush();
    return true;
  }

  /** Writes what is queued now, which otherwise happens at the end of the turn: saves a turn when no more will come. */
  flush(): void {
    for (const link of this.#dirty) link.flush();
    this.#dirty.clear();
  }

  /** Opens a connection of its own to a known peer. Rejects with `UNAVAILABLE` when that fails, whatever the reason. */
  openStream(to: NodeId, role: "snapshot"): Promise<FrameStream> {
    const link = this.#links.get(to);
    if (link === undefined || this.#closed !== undefined) {
      return Promise.reject(new HoldfastError("UNAVAILABLE", `node (${to}) is not a known peer`));
    }
    const { clock } = this.#dialContext;
    const target = { target: to, address: link.address, hello: this.#introduction(role) };
    return new Promise((resolve, reject) => {
      new Dial({ ...this.#dialContext, ...target }, (outcome) => {
        if (outcome.type === "open") resolve(new ChannelStream(outcome.channel, clock));
        else reject(streamError(to, outcome));
      });
    });
  }

  /** Traffic with every known peer. */
  stats(): ReadonlyMap<NodeId, PeerStats> {
    return new Map([...this.#links].map(([id, link]) => [id, link.stats()]));
  }

  /** Closes every connection, streams included, without waiting for what is queued. Idempotent; nothing is left afterwards. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#listener.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#dirty.clear();
    const error = new NetworkError("CLOSED", "the transport was closed");
    for (const dial of this.#dials) dial.abort(error);
    while (this.#channels.size > 0 || this.#dials.size > 0) {
      for (const channel of this.#channels) channel.destroy();
      const channels = [...this.#channels].map((channel) => channel.gone);
      await Promise.all([...channels, ...[...this.#dials].map((dial) => dial.settled)]);
    }
  }

  #introduction(role: string): Hello {
    const { clusterId, nodeId, incarnation } = this.#options.self;
    const identity = { clusterId, nodeId, incarnation };
    const rest = { amnesiac: false, features: [], address: this.advertised };
    return { protocol: PROTOCOL, role, ...identity, ...rest };
  }

  #accept(connection: Connection): void {
    if (this.#closed !== undefined) {
      connection.destroy();
      return;
    }
    // Whoever does not finish its handshake must not keep others out for long.
    if (this.#strangers.size >= MAX_STRANGERS) {
      for (const oldest of this.#strangers) {
        oldest.destroy();
        this.#strangers.delete(oldest);
        break;
      }
    }
    new Inbound(this.#inboundContext, connection);
  }

  #joined(inbound: Inbound, from: NodeId): void {
    const before = this.#inbound.get(from);
    this.#inbound.set(from, inbound);
    // The newer connection is the live one: the older belongs to a process or a path that is gone.
    before?.destroy();
    this.#links.get(from)?.nudge();
  }

  #left(inbound: Inbound): void {
    if (inbound.from !== undefined && this.#inbound.get(inbound.from) === inbound) {
      this.#inbound.delete(inbound.from);
    }
  }

  #noteLost(to: NodeId): void {
    this.#lost.add(to);
    this.#planFlush();
  }

  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#options.platform.scheduler.endOfTurn(() => {
      this.#flushPlanned = false;
      this.flush();
      const lost = [...this.#lost];
      this.#lost.clear();
      if (this.#closed !== undefined) return;
      for (const to of lost) this.#options.handlers.unreachable(to);
    });
  }
}

async function bind(
  { platform, listen }: TransportOptions,
  accept: (connection: Connection) => void,
): Promise<Listener> {
  try {
    return await platform.network.listen(listen, accept);
  } catch (cause) {
    const address = formatAddress(listen);
    const inUse = cause instanceof NetworkError && cause.code === "ADDRESS_IN_USE";
    const message = inUse
      ? `address (${address}) is in use: stop the process that listens there, or choose another port`
      : `address (${address}) cannot be bound: choose one of this machine`;
    throw new HoldfastError("ADDRESS", message, { cause });
  }
}

function streamError(to: NodeId, outcome: Exclude<DialOutcome, { type: "open" }>): HoldfastError {
  const why =
    outcome.type === "refused"
      ? `${outcome.refusal.code}: ${outcome.refusal.message}`
      : outcome.error.message;
  const options = outcome.type === "failed" ? { cause: outcome.error } : {};
  return new HoldfastError("UNAVAILABLE", `no stream to node (${to}): ${why}`, options);
}
