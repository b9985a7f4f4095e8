import { messageBytes, MessageFrame, type WireMessage } from "./message-frame.ts";

/** Limits of an {@link Outbox}. */
export interface OutboxLimits {
  readonly maxFrameBytes: number;
  readonly maxQueueBytes: number;
  readonly maxQueueMessages: number;
}

/**
 * Messages for one peer that were not written yet, already cut into frames: one per group unless the frame limit is reached.
 * When it is full the *new* message is dropped. The older ones come first in the log, so they are worth more to the peer, and the
 * core, once told, goes back to probing from what the peer confirmed.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #open = new Map<number, MessageFrame>();
  #frames: MessageFrame[] = [];
  #bytes = 0;
  #messages = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Bytes queued; never less than they take on the wire. */
  get bytes(): number {
    return this.#bytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /**
   * Queues a message, unless that would exceed the limits; `buffered` bytes count as queued. A message that fits into a frame
   * always fits into an empty outbox: one that could never be sent would block its peer for ever.
   */
  add(group: number, message: WireMessage, buffered: number): boolean {
    const { maxFrameBytes, maxQueueBytes, maxQueueMessages } = this.#limits;
    const bytes = messageBytes(message);
    const waiting = this.#bytes + buffered;
    if (this.#messages >= maxQueueMessages) return false;
    if (waiting > 0 && waiting + bytes > maxQueueBytes) return false;
    let frame = this.#open.get(group);
    if (frame === undefined || frame.bytes + bytes > maxFrameBytes) {
      frame = new MessageFrame(group);
      if (frame.bytes + bytes > maxFrameBytes) return false;
      this.#open.set(group, frame);
      this.#frames.push(frame);
      this.#bytes += frame.bytes;
    }
    frame.add(message, bytes);
    this.#bytes += bytes;
    this.#messages += 1;
    return true;
  }

  /** Takes everything out. */
  take(): readonly MessageFrame[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#open.clear();
    this.#bytes = 0;
    this.#messages = 0;
    return frames;
  }
}
