import type { Socket } from "node:net";
import { NetworkError } from "./errors.ts";
import type { Connection, ConnectionHandler } from "./network.ts";

/** A TCP socket as a {@link Connection}. Until `start`, Node keeps the first bytes that arrive, and the kernel the rest. */
export class NodeConnection implements Connection {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #lingerMs: number;
  #handler: ConnectionHandler | undefined;
  #reading = true;
  /** We said goodbye: what still arrives is read, so that the other's goodbye can, but nobody wants it. */
  #ending = false;
  #destroyed = false;
  /** Bytes were written since `drained` was last called. */
  #dirty = false;
  #error: Error | undefined;
  #closed = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(socket: Socket, remote: string, lingerMs: number) {
    this.#socket = socket;
    this.remote = remote;
    this.#lingerMs = lingerMs;
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("end", () => {
      this.#lingerOn();
    });
    socket.on("close", () => {
      this.#closed = true;
      clearTimeout(this.#linger);
      this.#reportClosed();
    });
  }

  get bufferedBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength;
  }

  start(handler: ConnectionHandler): void {
    if (this.#handler !== undefined) throw new TypeError("a connection is started once");
    this.#handler = handler;
    if (this.#closed) {
      // It broke before anybody listened. The handler is told as always, after this call.
      queueMicrotask(() => {
        this.#reportClosed();
      });
      return;
    }
    // Paused first: a listener for data would start the flow.
    this.#socket.pause();
    this.#socket.on("data", (bytes: Buffer) => {
      if (!this.#ending) handler.data(bytes);
    });
    if (this.#reading || this.#ending) this.#socket.resume();
    queueMicrotask(this.#flushed);
  }

  write(buffers: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (!socket.writable || buffers.length === 0) return;
    this.#dirty = true;
    // Corked, all buffers leave in one writev; the callback of the last one says when.
    socket.cork();
    for (let at = 0; at < buffers.length; at += 1) {
      const buffer = buffers[at];
      if (buffer === undefined) continue;
      if (at === buffers.length - 1) socket.write(buffer, this.#flushed);
      else socket.write(buffer);
    }
    socket.uncork();
  }

  setReading(on: boolean): void {
    this.#reading = on;
    if (this.#handler === undefined || this.#ending) return;
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  end(): void {
    if (this.#ending || this.#closed) return;
    this.#ending = true;
    this.#socket.end();
    this.#socket.resume();
    this.#lingerOn();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#socket.destroy();
  }

  #lingerOn(): void {
    if (this.#linger !== undefined || this.#closed) return;
    this.#linger = setTimeout(() => {
      this.#error ??= new Error("the other side did not take the rest in time");
      this.#socket.destroy();
    }, this.#lingerMs);
    // The open socket keeps the process alive for as long as this timer matters.
    this.#linger.unref();
  }

  readonly #flushed = (): void => {
    if (!this.#dirty || this.#handler === undefined || this.#closed) return;
    if (this.#socket.destroyed || this.#socket.writableLength > 0) return;
    this.#dirty = false;
    this.#handler.drained();
  };

  #reportClosed(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (this.#error === undefined || this.#destroyed) {
      handler.closed();
      return;
    }
    const message = `the connection to ${this.remote} broke (${this.#error.message})`;
    handler.closed(new NetworkError("CLOSED", message, { cause: this.#error }));
  }
}
