import {
  type Address,
  type Clock,
  type Connection,
  type ConnectionHandler,
  type Listener,
  type Network,
  NetworkError,
  nodeNetwork,
} from "@holdfast/platform";
import { Unpackr } from "msgpackr";
import type { AppendEntries, Message } from "raft-ts-lite";
import { formatAddress } from "../../../src/transport/address.ts";
import { FRAME_KIND, FrameDecoder } from "../../../src/transport/frame.ts";
import { decodeHello, type Hello } from "../../../src/transport/handshake.ts";
import { decodeMessages } from "../../../src/transport/message-decoder.ts";

/** As much as makes a link keep what it has to itself. */
const CLOGGED_BYTES = 1_048_576;
const ANY_FRAME = 2 ** 31;

const unpackr = new Unpackr({ useRecords: false });

/** One attempt to connect. */
export interface Dialled {
  readonly address: string;
  readonly timeoutMs: number;
  readonly at: number;
}

/** The real network of one node, which shows what the node sends and stops up where it is told to. */
export class RecordingNetwork implements Network {
  readonly #network: Network = nodeNetwork();
  readonly #clock: Clock;
  readonly #dialled: Dialled[] = [];
  readonly #outgoing = new Set<Outgoing>();
  readonly #incoming = new Set<Incoming>();
  #deaf = false;
  /** Every attempt to connect fails at once. */
  unreachable = false;
  /** Every message that this node wrote to a connection, in order. */
  readonly sent: Message[] = [];
  readonly hellos: Hello[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get dialled(): readonly Dialled[] {
    return this.#dialled;
  }

  /** The appends with entries among what was sent to a node. */
  appendsTo(id: number): readonly AppendEntries[] {
    return this.sent.filter(
      (message): message is AppendEntries =>
        message.type === "AppendEntries" && message.to === id && message.entries.length > 0,
    );
  }

  /** From now on nothing that others send reaches this node, until `on` is false again. */
  setDeaf(on: boolean): void {
    this.#deaf = on;
    if (!on) for (const incoming of this.#incoming) incoming.release();
  }

  /** Lets the connections to an address seem full, or empty again. */
  setClogged(address: string, on: boolean): void {
    for (const outgoing of this.#outgoing) {
      if (outgoing.address === address) outgoing.setClogged(on);
    }
  }

  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    return this.#network.listen(address, (connection) => {
      const incoming = new Incoming(connection, () => this.#deaf);
      this.#incoming.add(incoming);
      accept(incoming);
    });
  }

  async connect(address: Address, options: { readonly timeoutMs: number }): Promise<Connection> {
    const key = formatAddress(address);
    this.#dialled.push({ address: key, timeoutMs: options.timeoutMs, at: this.#clock.now() });
    if (this.unreachable) throw new NetworkError("REFUSED", `nobody listens on ${key}`);
    const outgoing = new Outgoing(await this.#network.connect(address, options), key, this);
    this.#outgoing.add(outgoing);
    return outgoing;
  }
}

/** A connection that this node dialled. */
class Outgoing implements Connection {
  readonly address: string;
  readonly #connection: Connection;
  readonly #network: RecordingNetwork;
  readonly #decoder = new FrameDecoder(ANY_FRAME);
  #handler: ConnectionHandler | undefined;
  #clogged = false;

  constructor(connection: Connection, address: string, network: RecordingNetwork) {
    this.#connection = connection;
    this.address = address;
    this.#network = network;
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get bufferedBytes(): number {
    return this.#clogged ? CLOGGED_BYTES : this.#connection.bufferedBytes;
  }

  setClogged(on: boolean): void {
    this.#clogged = on;
    if (!on) this.#handler?.drained();
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#connection.start({
      data: (bytes) => {
        handler.data(bytes);
      },
      drained: () => {
        if (!this.#clogged) handler.drained();
      },
      closed: (error) => {
        handler.closed(error);
      },
    });
  }

  write(buffers: readonly Uint8Array[]): void {
    this.#connection.write(buffers);
    this.#decoder.push(Buffer.concat(buffers));
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      if (frame.kind === FRAME_KIND.hello) this.#network.hellos.push(decodeHello(frame.body));
      if (frame.kind === FRAME_KIND.messages) this.#record(frame.body);
    }
  }

  #record(body: Buffer): void {
    const rows = unpackr.unpack(body.subarray(4, 4 + body.readUInt32LE(0))) as number[][];
    const [, to = 0, from = 0] = rows[0] ?? [];
    this.#network.sent.push(...decodeMessages(body, from, to));
  }

  setReading(on: boolean): void {
    this.#connection.setReading(on);
  }

  end(): void {
    this.#connection.end();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** A connection that another node dialled. */
class Incoming implements Connection {
  readonly #connection: Connection;
  readonly #deaf: () => boolean;
  #handler: ConnectionHandler | undefined;
  #held: Uint8Array[] = [];

  constructor(connection: Connection, deaf: () => boolean) {
    this.#connection = connection;
    this.#deaf = deaf;
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#connection.start({
      data: (bytes) => {
        if (this.#deaf()) this.#held.push(bytes);
        else handler.data(bytes);
      },
      drained: () => {
        handler.drained();
      },
      closed: (error) => {
        this.#held = [];
        handler.closed(error);
      },
    });
  }

  /** Delivers what was held back. */
  release(): void {
    for (const bytes of this.#held.splice(0)) this.#handler?.data(bytes);
  }

  write(buffers: readonly Uint8Array[]): void {
    this.#connection.write(buffers);
  }

  setReading(on: boolean): void {
    this.#connection.setReading(on);
  }

  end(): void {
    this.#connection.end();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
