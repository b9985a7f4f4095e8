import type { Clock, Network, Timer } from "@holdfast/platform";
import type { NodeId } from "raft-ts-lite";
import { parseAddress } from "./address.ts";
import { Channel, type ChannelHandler } from "./channel.ts";
import { FRAME_KIND, type Frame } from "./frame.ts";
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  type Hello,
  judgeWelcome,
  type Refusal,
} from "./handshake.ts";
import { asWireError, WireError } from "./wire-error.ts";

/** How an attempt to reach a node ended. */
export type DialOutcome =
  /** Welcomed: the channel is the caller's, who sets its handler before returning. */
  | { readonly type: "open"; readonly channel: Channel }
  /** Somebody answered, and one of the two sides does not want to speak. */
  | { readonly type: "refused"; readonly refusal: Refusal; readonly byPeer: boolean }
  | { readonly type: "failed"; readonly error: Error };

/** What every attempt of one transport shares. */
export interface DialContext {
  readonly network: Network;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly maxFrameBytes: number;
  /** Whether this node has met whoever welcomes it as somebody else. See `TransportHandlers.recognise`. */
  readonly recognise: (welcome: Hello) => Refusal | undefined;
  /** Where connections and attempts enter themselves for as long as they last. */
  readonly channels: Set<Channel>;
  readonly dials: Set<Dial>;
}

/** One attempt. */
export interface DialOptions extends DialContext {
  /** Who is to be reached, and where, as `host:port`. */
  readonly target: NodeId;
  readonly address: string;
  readonly hello: Hello;
}

/** One attempt: connects, introduces itself and waits for the welcome. */
export class Dial implements ChannelHandler {
  /** Resolves when no connection attempt is pending any more. Never rejects. */
  readonly settled: Promise<void>;
  readonly #options: DialOptions;
  readonly #done: (outcome: DialOutcome) => void;
  #channel: Channel | undefined;
  #timer: Timer | undefined;
  #over = false;

  /** `done` is called exactly once, never before the constructor returned, and not after `cancel`. */
  constructor(options: DialOptions, done: (outcome: DialOutcome) => void) {
    this.#options = options;
    this.#done = done;
    options.dials.add(this);
    this.settled = this.#connect();
  }

  /** Gives up, and says so to whoever waits. */
  abort(error: Error): void {
    this.#finish({ type: "failed", error });
    this.cancel();
  }

  /** Gives up silently. Idempotent. */
  cancel(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#channel?.destroy();
  }

  frame(frame: Frame): void {
    const channel = this.#channel;
    if (channel === undefined || this.#over) return;
    let outcome: DialOutcome;
    try {
      outcome = this.#answer(frame, channel);
    } catch (cause) {
      channel.fail(asWireError(cause, "handshake"));
      return;
    }
    if (outcome.type !== "open") channel.destroy();
    this.#finish(outcome);
  }

  drained(): void {
    // The hello is small; nothing waits for it to leave.
  }

  closed(error: Error | undefined): void {
    const fallback = new WireError("REFUSED", "the other side closed before its welcome");
    this.#finish({ type: "failed", error: error ?? fallback });
  }

  async #connect(): Promise<void> {
    const { network, address, connectTimeoutMs, dials, channels } = this.#options;
    try {
      // Even an address that cannot be read fails later, not in the constructor: one path for the caller.
      await Promise.resolve();
      const connection = await network.connect(parseAddress(address), {
        timeoutMs: connectTimeoutMs,
      });
      this.#introduce(new Channel(connection, channels, this));
    } catch (cause) {
      this.#finish({
        type: "failed",
        error: cause instanceof Error ? cause : new Error(String(cause)),
      });
    } finally {
      dials.delete(this);
    }
  }

  #introduce(channel: Channel): void {
    const { clock, handshakeTimeoutMs, hello } = this.#options;
    this.#channel = channel;
    channel.start();
    if (this.#over) {
      channel.destroy();
      return;
    }
    channel.sendFrame(FRAME_KIND.hello, 0, [encodeHello(hello)]);
    this.#timer = clock.setTimer(handshakeTimeoutMs, () => {
      channel.fail(new WireError("TIMEOUT", `no welcome within (${handshakeTimeoutMs}) ms`));
    });
  }

  #answer(frame: Frame, channel: Channel): DialOutcome {
    const { hello, target, maxFrameBytes, recognise } = this.#options;
    if (frame.kind === FRAME_KIND.refused) {
      return { type: "refused", refusal: decodeRefusal(frame.body), byPeer: true };
    }
    if (frame.kind !== FRAME_KIND.welcome) {
      throw new WireError("UNEXPECTED", `frame of kind (${frame.kind}) in place of a welcome`);
    }
    const welcome = decodeHello(frame.body);
    const refusal = judgeWelcome(welcome, hello, target) ?? recognise(welcome);
    if (refusal !== undefined) return { type: "refused", refusal, byPeer: false };
    channel.allowFrames(maxFrameBytes);
    return { type: "open", channel };
  }

  #finish(outcome: DialOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#done(outcome);
  }
}
