import type { Clock, Random, Timer } from "@holdfast/platform";
import type { NodeId } from "raft-ts-lite";
import { Backoff } from "./backoff.ts";
import type { Channel } from "./channel.ts";
import { Dial, type DialContext, type DialOutcome } from "./dial.ts";
import type { Hello, Refusal } from "./handshake.ts";
import type { WireMessage } from "./message-frame.ts";
import { Outbox } from "./outbox.ts";
import { WireError } from "./wire-error.ts";

/** Beyond this, what is queued waits until the connection has drained: memory stays countable, and frames get larger. */
const WRITE_AHEAD_BYTES = 1024 * 1024;

/** Settings of the transport; all sizes and times are decided by the node. */
export interface TransportSettings {
  /** The largest frame sent or accepted after the handshake. Every node of a cluster needs the same. */
  readonly maxFrameBytes: number;
  /** Bytes waiting for one peer, here and in the connection; beyond it new messages are dropped. */
  readonly maxQueueBytes: number;
  readonly maxQueueMessages: number;
  readonly connectTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly handshakeTimeoutMs: number;
}

/** What a link needs of the transport that owns it. */
export interface LinkContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: TransportSettings;
  readonly dialling: DialContext;
  /** How this node introduces itself as a peer. */
  hello(): Hello;
  /** Something for this peer was lost. Told to the node later, never from within. */
  lost(to: NodeId): void;
  connected(to: NodeId): void;
  refused(by: NodeId, refusal: Refusal): void;
}

/** What is known of the traffic with one peer. */
export interface PeerStats {
  readonly address: string;
  readonly connected: boolean;
  /** Bytes waiting: in the queue and in the connection. */
  readonly queuedBytes: number;
  readonly queuedMessages: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Messages given up because the peer was not reachable or too slow. */
  readonly dropped: number;
  /** Connections made after the first one. */
  readonly reconnects: number;
  /** Why the last connection or attempt ended; `undefined` while all is well. */
  readonly lastError: string | undefined;
}

type LinkState =
  /** Between attempts: messages are dropped, since they would be stale when the pause ends. */
  | { readonly type: "waiting"; readonly timer: Timer; readonly refused: boolean }
  /** Messages are queued: a node that comes up must hear the first ones. */
  | { readonly type: "dialling"; readonly dial: Dial }
  | { readonly type: "open"; readonly channel: Channel; readonly since: number }
  | { readonly type: "closed" };

/** The connection on which this node sends to one peer, kept up for as long as the peer is known. */
export class PeerLink {
  readonly #context: LinkContext;
  readonly #id: NodeId;
  readonly #outbox: Outbox;
  readonly #backoff: Backoff;
  #address: string;
  #state: LinkState = { type: "closed" };
  #sentBytes = 0;
  #receivedBytes = 0;
  #dropped = 0;
  #connections = 0;
  #lastError: string | undefined;
  readonly #silence: Silence;

  constructor(context: LinkContext, id: NodeId, address: string) {
    const { settings, random } = context;
    this.#context = context;
    this.#id = id;
    this.#address = address;
    this.#outbox = new Outbox(settings);
    this.#backoff = new Backoff(random, settings.reconnectMinMs, settings.reconnectMaxMs);
    // A healthy peer would have answered a fresh attempt by then, so a fresh attempt is the better bet.
    this.#silence = new Silence(settings.connectTimeoutMs + settings.handshakeTimeoutMs);
    this.#dial();
  }

  get address(): string {
    return this.#address;
  }

  stats(): PeerStats {
    const channel = this.#state.type === "open" ? this.#state.channel : undefined;
    return {
      address: this.#address,
      connected: channel !== undefined,
      queuedBytes: this.#outbox.bytes + (channel?.bufferedBytes ?? 0),
      queuedMessages: this.#outbox.messages,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      dropped: this.#dropped,
      reconnects: Math.max(0, this.#connections - 1),
      lastError: this.#lastError,
    };
  }

  /** Queues a message; false when it was dropped, which the node is told at the end of the turn. */
  push(group: number, message: WireMessage): boolean {
    const state = this.#state;
    const buffered = state.type === "open" ? state.channel.bufferedBytes : 0;
    const ready = state.type === "open" || state.type === "dialling";
    if (ready && this.#outbox.add(group, message, buffered)) return true;
    this.#lose(1);
    return false;
  }

  /** Writes what is queued, if the connection can take it. */
  flush(): void {
    const state = this.#state;
    if (state.type !== "open" || this.#outbox.messages === 0) return;
    if (this.#silence.sending(this.#context.clock.now())) {
      const error = new WireError("TIMEOUT", "the peer takes messages but sends none");
      this.#disconnected(state, error);
      state.channel.fail(error);
      return;
    }
    if (state.channel.bufferedBytes >= WRITE_AHEAD_BYTES) return;
    const buffers: Uint8Array[] = [];
    for (const frame of this.#outbox.take()) buffers.push(...frame.encode());
    for (const buffer of buffers) this.#sentBytes += buffer.length;
    state.channel.write(buffers);
  }

  /** Something arrived from this peer, on its own connection. */
  heard(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#silence.heard();
  }

  /** The peer is alive, since it reached us: no reason to wait any longer, unless it refused us. */
  nudge(): void {
    if (this.#state.type !== "waiting" || this.#state.refused) return;
    this.#state.timer.cancel();
    this.#dial();
  }

  /** The peer moved. Idempotent. */
  redirect(address: string): void {
    if (address === this.#address) return;
    this.#address = address;
    this.#drop();
    this.#backoff.reset();
    this.#dial();
  }

  /** Sends what is queued, then closes. Idempotent. */
  close(): void {
    this.flush();
    this.#drop();
  }

  #drop(): void {
    const state = this.#state;
    // First, since a connection may report its end from within.
    this.#state = { type: "closed" };
    switch (state.type) {
      case "waiting":
        state.timer.cancel();
        break;
      case "dialling":
        state.dial.cancel();
        break;
      case "open":
        state.channel.end();
        break;
      case "closed":
        break;
    }
    this.#loseQueue();
  }

  #dial(): void {
    const target = { target: this.#id, address: this.#address, hello: this.#context.hello() };
    const dial = new Dial({ ...this.#context.dialling, ...target }, (outcome) =>
      this.#dialled(outcome),
    );
    this.#state = { type: "dialling", dial };
  }

  #dialled(outcome: DialOutcome): void {
    switch (outcome.type) {
      case "open":
        this.#opened(outcome.channel);
        return;
      case "refused": {
        const { refusal, byPeer } = outcome;
        this.#wait(`${refusal.code}: ${refusal.message}`, true);
        if (byPeer) this.#context.refused(this.#id, refusal);
        return;
      }
      case "failed":
        this.#wait(outcome.error.message, false);
        return;
    }
  }

  #opened(channel: Channel): void {
    const state = { type: "open", channel, since: this.#context.clock.now() } as const;
    this.#state = state;
    this.#connections += 1;
    this.#lastError = undefined;
    this.#silence.heard();
    channel.handler = {
      frame: (frame) => {
        const what = `frame of kind (${frame.kind}) on a connection that only carries ours`;
        channel.fail(new WireError("UNEXPECTED", what));
      },
      drained: () => this.flush(),
      closed: (error) => this.#disconnected(state, error),
    };
    this.flush();
    this.#context.connected(this.#id);
  }

  #disconnected(state: LinkState & { type: "open" }, error: Error | undefined): void {
    if (this.#state !== state) return;
    // A connection that lived only briefly must not hide that something is wrong: the pauses go on growing.
    const livedMs = this.#context.clock.now() - state.since;
    if (livedMs >= this.#context.settings.reconnectMaxMs) this.#backoff.reset();
    this.#context.lost(this.#id);
    this.#wait(error?.message ?? "the peer closed the connection", false);
  }

  #wait(why: string, refused: boolean): void {
    this.#lastError = why;
    this.#loseQueue();
    const pause = refused ? this.#backoff.longest() : this.#backoff.next();
    const timer = this.#context.clock.setTimer(pause, () => this.#dial());
    this.#state = { type: "waiting", timer, refused };
  }

  #loseQueue(): void {
    const messages = this.#outbox.messages;
    this.#outbox.take();
    if (messages > 0) this.#lose(messages);
  }

  #lose(messages: number): void {
    this.#dropped += messages;
    this.#context.lost(this.#id);
  }
}

/**
 * Notices a connection that swallows everything: after a partition TCP may wait for minutes before it tries again, and a frozen
 * process never answers. A peer that is sent to all the time and says nothing for `limitMs` is not there.
 */
class Silence {
  readonly #limitMs: number;
  #since: number | undefined;
  #lastSent = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  heard(): void {
    this.#since = undefined;
  }

  /** Called whenever something is sent; true when the peer was silent for too long. */
  sending(now: number): boolean {
    // Silence only counts while we speak without a pause: an idle peer has nothing to answer, and when our own process slept,
    // the answers may be waiting to be read.
    if (this.#since === undefined || now - this.#lastSent > this.#limitMs / 2) this.#since = now;
    this.#lastSent = now;
    return now - this.#since > this.#limitMs;
  }
}
