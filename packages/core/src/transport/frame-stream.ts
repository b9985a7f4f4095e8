import { type Clock, NetworkError, type Timer } from "@holdfast/platform";
import type { Channel } from "./channel.ts";
import { FRAME_HEAD_BYTES, type Frame } from "./frame.ts";
import { WireError } from "./wire-error.ts";

/** `send` waits while more than this has not left the process. */
const SEND_AHEAD_BYTES = 1024 * 1024;
/** Reading stops while more than this was received and not consumed. */
const RECEIVE_AHEAD_BYTES = 1024 * 1024;
/**
 * A stream on which nothing moved for this long is given up. TCP alone would not notice for many minutes, or never, that the
 * other machine is gone, and whoever takes one transfer at a time would be blocked for as long. Generous, since the receiver may
 * have to make a lot durable before it answers.
 */
export const STREAM_SILENCE_MS = 60_000;

/** A connection of its own for a long transfer, with back-pressure in both directions. */
export interface FrameStream {
  /** The other end, for messages to people. */
  readonly remote: string;
  /**
   * Sends one frame. Resolves as soon as another may be sent, which says nothing about arrival; the buffers must not be changed
   * any more. Rejects with a `NetworkError` `CLOSED` when the connection is gone.
   */
  send(kind: number, group: number, body: readonly Uint8Array[]): Promise<void>;
  /**
   * The frames that arrive, in order, for one consumer. Ends when the other side ended; throws when the connection broke,
   * brought something malformed or went silent. Leaving the loop destroys the stream.
   */
  frames(): AsyncIterableIterator<Frame>;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once. Idempotent. */
  destroy(): void;
  /** Resolves when the connection is gone, for whatever reason. Never rejects. */
  readonly closed: Promise<void>;
}

/** A {@link FrameStream} over a channel whose handshake is done. Takes the channel over. */
export class ChannelStream implements FrameStream {
  readonly #channel: Channel;
  #received: Frame[] = [];
  #receivedBytes = 0;
  #reading = true;
  /** Bytes sent since everything had left the last time. */
  #unsentBytes = 0;
  #over = false;
  #error: Error | undefined;
  #wakeSenders: (() => void)[] = [];
  #wakeReader: (() => void) | undefined;
  readonly #clock: Clock;
  #lastMove: number;
  #timer: Timer;

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
    this.#lastMove = clock.now();
    this.#timer = this.#watch(STREAM_SILENCE_MS);
    channel.handler = {
      frame: (frame) => this.#arrived(frame),
      drained: () => this.#drained(),
      closed: (error) => this.#gone(error),
    };
  }

  get remote(): string {
    return this.#channel.remote;
  }

  get closed(): Promise<void> {
    return this.#channel.gone;
  }

  async send(kind: number, group: number, body: readonly Uint8Array[]): Promise<void> {
    this.#assertOpen();
    this.#lastMove = this.#clock.now();
    this.#channel.sendFrame(kind, group, body);
    // Counted here: a connection that just broke buffers nothing, and a sender that never waits would keep the news of that
    // from ever arriving.
    for (const part of body) this.#unsentBytes += part.length;
    this.#unsentBytes += FRAME_HEAD_BYTES;
    if (this.#unsentBytes <= SEND_AHEAD_BYTES) return;
    await new Promise<void>((resolve) => this.#wakeSenders.push(resolve));
    this.#assertOpen();
  }

  async *frames(): AsyncIterableIterator<Frame> {
    try {
      for (;;) {
        const frame = this.#received.shift();
        if (frame !== undefined) {
          this.#consumed(frame);
          yield frame;
        } else if (this.#over) {
          if (this.#error !== undefined) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      this.destroy();
    }
  }

  end(): void {
    this.#over = true;
    this.#channel.end();
    this.#wake();
  }

  destroy(): void {
    this.#over = true;
    this.#channel.destroy();
    this.#wake();
  }

  #arrived(frame: Frame): void {
    this.#lastMove = this.#clock.now();
    this.#received.push(frame);
    this.#receivedBytes += frame.body.length;
    if (this.#reading && this.#receivedBytes > RECEIVE_AHEAD_BYTES) {
      this.#reading = false;
      this.#channel.setReading(false);
    }
    this.#wakeReader?.();
  }

  #drained(): void {
    this.#lastMove = this.#clock.now();
    this.#unsentBytes = 0;
    const wake = this.#wakeSenders;
    this.#wakeSenders = [];
    for (const resolve of wake) resolve();
  }

  /** Looks again when the silence, as far as it is known now, would be too long: one timer, however much moves. */
  #watch(delayMs: number): Timer {
    return this.#clock.setTimer(delayMs, () => {
      const leftMs = this.#lastMove + STREAM_SILENCE_MS - this.#clock.now();
      if (leftMs > 0) this.#timer = this.#watch(leftMs);
      else
        this.#channel.fail(new WireError("TIMEOUT", `nothing moved for (${STREAM_SILENCE_MS}) ms`));
    });
  }

  /** What was received in full stays readable. */
  #gone(error: Error | undefined): void {
    this.#timer.cancel();
    this.#over = true;
    this.#error ??= error;
    this.#wake();
  }

  #consumed(frame: Frame): void {
    this.#lastMove = this.#clock.now();
    this.#receivedBytes -= frame.body.length;
    if (this.#reading || this.#receivedBytes > RECEIVE_AHEAD_BYTES / 2) return;
    this.#reading = true;
    this.#channel.setReading(true);
  }

  #wake(): void {
    this.#drained();
    this.#wakeReader?.();
  }

  #assertOpen(): void {
    if (!this.#over) return;
    const message = `the stream with ${this.remote} is closed`;
    throw new NetworkError("CLOSED", message, { cause: this.#error });
  }
}
