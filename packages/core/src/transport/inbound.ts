import type { Clock, Connection, Timer } from "@holdfast/platform";
import type { Message, NodeId } from "raft-ts-lite";
import { Channel, type ChannelHandler } from "./channel.ts";
import { FRAME_HEAD_BYTES, FRAME_KIND, type Frame } from "./frame.ts";
import { ChannelStream, type FrameStream } from "./frame-stream.ts";
import {
  decodeHello,
  encodeHello,
  encodeRefusal,
  type Hello,
  type Identity,
  judgeHello,
  type Refusal,
} from "./handshake.ts";
import { decodeMessages } from "./message-decoder.ts";
import { asWireError, WireError } from "./wire-error.ts";

/** What an accepted connection needs of the transport. */
export interface InboundContext {
  readonly self: Identity;
  readonly clock: Clock;
  readonly handshakeTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly channels: Set<Channel>;
  /** Accepted connections whose handshake is not over. */
  readonly strangers: Set<Inbound>;
  admit(hello: Hello): Promise<Refusal | undefined>;
  /** How this node introduces itself to whoever dialled with `hello`. */
  welcome(hello: Hello): Hello;
  /** A peer may send from now on. */
  joined(inbound: Inbound, hello: Hello): void;
  stream(from: NodeId, stream: FrameStream): void;
  received(from: NodeId, bytes: number): void;
  messages(from: NodeId, group: number, messages: readonly Message[]): void;
  left(inbound: Inbound, error: Error | undefined): void;
}

type InboundState = "stranger" | "admitting" | "peer" | "over";

/** One accepted connection: a stranger until its hello was judged, then a peer's, or a stream that the node takes over. */
export class Inbound implements ChannelHandler {
  /** Who it is; undefined before its hello arrived. */
  from: NodeId | undefined;
  readonly #context: InboundContext;
  readonly #channel: Channel;
  readonly #timer: Timer;
  #state: InboundState = "stranger";

  constructor(context: InboundContext, connection: Connection) {
    const { clock, handshakeTimeoutMs, channels, strangers } = context;
    this.#context = context;
    this.#channel = new Channel(connection, channels, this);
    strangers.add(this);
    this.#timer = clock.setTimer(handshakeTimeoutMs, () => {
      this.#channel.fail(new WireError("TIMEOUT", `no hello within (${handshakeTimeoutMs}) ms`));
    });
    this.#channel.start();
  }

  get remote(): string {
    return this.#channel.remote;
  }

  /** Closes at once. Idempotent. */
  destroy(): void {
    this.#channel.destroy();
  }

  frame(frame: Frame): void {
    switch (this.#state) {
      case "stranger":
        this.#hello(frame);
        return;
      case "admitting":
        // Nothing a stranger says is kept for later: the welcome comes first.
        this.#channel.fail(new WireError("UNEXPECTED", "a frame before the welcome"));
        return;
      case "peer":
        this.#peerFrame(frame);
        return;
      case "over":
        return;
    }
  }

  drained(): void {
    // Only the answer to the hello is ever written here.
  }

  closed(error: Error | undefined): void {
    this.#state = "over";
    this.#timer.cancel();
    this.#context.strangers.delete(this);
    this.#context.left(this, error);
  }

  #hello(frame: Frame): void {
    this.#timer.cancel();
    let hello: Hello;
    try {
      if (frame.kind !== FRAME_KIND.hello) {
        throw new WireError("UNEXPECTED", `frame of kind (${frame.kind}) in place of a hello`);
      }
      hello = decodeHello(frame.body);
    } catch (cause) {
      this.#channel.fail(asWireError(cause, "handshake"));
      return;
    }
    this.from = hello.nodeId;
    const refusal = judgeHello(hello, this.#context.self);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    this.#state = "admitting";
    this.#context.admit(hello).then(
      (answer) => {
        this.#judged(hello, answer);
      },
      (cause: unknown) => {
        // The node could not decide, so nobody is let in; the dialler comes again.
        this.#channel.fail(new WireError("REFUSED", "admission failed", { cause }));
      },
    );
  }

  #judged(hello: Hello, refusal: Refusal | undefined): void {
    if (this.#state !== "admitting") return;
    if (refusal !== undefined) {
      this.#refuse(refusal);
      return;
    }
    const channel = this.#channel;
    this.#context.strangers.delete(this);
    channel.allowFrames(this.#context.maxFrameBytes);
    channel.sendFrame(FRAME_KIND.welcome, 0, [encodeHello(this.#context.welcome(hello))]);
    if (hello.role === "snapshot") {
      this.#state = "over";
      this.#context.stream(hello.nodeId, new ChannelStream(channel, this.#context.clock));
      return;
    }
    this.#state = "peer";
    this.#context.joined(this, hello);
  }

  #refuse(refusal: Refusal): void {
    this.#state = "over";
    this.#channel.sendFrame(FRAME_KIND.refused, 0, [encodeRefusal(refusal)]);
    this.#channel.end();
  }

  #peerFrame(frame: Frame): void {
    const from = this.from;
    if (from === undefined) return;
    let messages: readonly Message[];
    try {
      if (frame.kind !== FRAME_KIND.messages) {
        throw new WireError("UNEXPECTED", `frame of kind (${frame.kind}) from a peer`);
      }
      messages = decodeMessages(frame.body, from, this.#context.self.nodeId);
    } catch (cause) {
      this.#channel.fail(asWireError(cause, "frame"));
      return;
    }
    // Outside the try block: what the node throws is the node's, not bad input.
    this.#context.received(from, FRAME_HEAD_BYTES + frame.body.length);
    this.#context.messages(from, frame.group, messages);
  }
}
