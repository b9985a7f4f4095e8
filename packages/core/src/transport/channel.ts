import type { Connection, ConnectionHandler } from "@holdfast/platform";
import { asBuffer } from "../format/bytes.ts";
import { encodeFrame, type Frame, FrameDecoder, STRANGER_FRAME_BYTES } from "./frame.ts";
import { WireError } from "./wire-error.ts";

/** What a {@link Channel} tells its owner. */
export interface ChannelHandler {
  /** A complete, undamaged frame. */
  frame(frame: Frame): void;
  /** Everything written has left this process. */
  drained(): void;
  /** Exactly once, last. `error` is absent when either side ended the connection in an orderly way. */
  closed(error: Error | undefined): void;
}

/** One connection as a stream of frames. It begins as a stranger's, with a small limit. Bad input ends it and throws nowhere. */
export class Channel implements ConnectionHandler {
  /** Replaced as the connection moves on, from handshake to use. */
  handler: ChannelHandler;
  /** Resolves when the connection is gone. Never rejects. */
  readonly gone: Promise<void>;
  readonly #connection: Connection;
  readonly #decoder = new FrameDecoder(STRANGER_FRAME_BYTES);
  readonly #registry: Set<Channel>;
  #resolveGone: () => void = () => undefined;
  #failure: WireError | undefined;
  /** Nothing is delivered any more; `closed` may be yet to come. */
  #shut = false;

  /** Enters itself into `registry` for as long as the connection is there. */
  constructor(connection: Connection, registry: Set<Channel>, handler: ChannelHandler) {
    this.#connection = connection;
    this.#registry = registry;
    this.handler = handler;
    this.gone = new Promise((resolve) => {
      this.#resolveGone = resolve;
    });
    registry.add(this);
  }

  get remote(): string {
    return this.#connection.remote;
  }

  /** Bytes written that have not left this process yet. */
  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  /** Begins delivery to the handler. Once. */
  start(): void {
    this.#connection.start(this);
  }

  /** The other side is known now: it may send frames up to this size. */
  allowFrames(maxBytes: number): void {
    this.#decoder.limit = maxBytes;
  }

  sendFrame(kind: number, group: number, body: readonly Uint8Array[]): void {
    this.#connection.write(encodeFrame(kind, group, body));
  }

  write(buffers: readonly Uint8Array[]): void {
    this.#connection.write(buffers);
  }

  setReading(on: boolean): void {
    this.#connection.setReading(on);
  }

  /** Gives the connection up because of what the other side did; `closed` reports it. */
  fail(error: WireError): void {
    this.#failure ??= error;
    this.destroy();
  }

  /** Sends what was written, then closes. Nothing is delivered any more but `closed`. */
  end(): void {
    this.#shut = true;
    this.#connection.end();
  }

  /** Closes at once. Nothing is delivered any more but `closed`. */
  destroy(): void {
    this.#shut = true;
    this.#connection.destroy();
  }

  data(bytes: Uint8Array): void {
    if (this.#shut) return;
    this.#decoder.push(asBuffer(bytes));
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      this.handler.frame(frame);
    }
  }

  drained(): void {
    if (!this.#shut) this.handler.drained();
  }

  closed(error?: Error): void {
    if (!this.#shut && error === undefined && this.#decoder.midFrame) {
      this.#failure ??= new WireError("MALFORMED", "the connection ended inside a frame");
    }
    this.#shut = true;
    this.#registry.delete(this);
    this.handler.closed(this.#failure ?? error);
    this.#resolveGone();
  }

  #next(): Frame | undefined {
    // The handler of the frame before may have closed the connection.
    if (this.#shut) return undefined;
    try {
      return this.#decoder.next();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.fail(error);
      return undefined;
    }
  }
}
