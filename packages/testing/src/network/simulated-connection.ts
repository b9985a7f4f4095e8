import {
  type Connection,
  type ConnectionHandler,
  NetworkError,
  type Timer,
} from "@holdfast/platform";
import type { Attachment } from "./attachment.ts";
import type { Pipe, PipeSource, PipeTarget } from "./pipe.ts";

/** As {@link nodeNetwork}'s default: who said goodbye waits so long for the other to do so. */
const LINGER_MS = 5_000;

/** What an end needs of the network. */
export interface EndContext {
  readonly attachment: Attachment;
  readonly remote: string;
  /** Draws whether a connection is closed by a reset, or by the end of what was sent. */
  readonly closesWithReset: () => boolean;
  readonly patienceMs: () => number;
  /** Sends bytes that were written, with whatever befalls them. */
  readonly transmit: (outgoing: Pipe, bytes: Buffer) => void;
  /** This end is gone. */
  readonly left: (end: SimulatedConnection) => void;
}

/** One end of a simulated TCP connection, as the process sees it that has it. */
export class SimulatedConnection implements Connection, PipeSource, PipeTarget {
  readonly remote: string;
  readonly #context: EndContext;
  #outgoing: Pipe | undefined;
  #incoming: Pipe | undefined;
  #handler: ConnectionHandler | undefined;
  #reading = true;
  /** We said goodbye: what still arrives is read, and nobody wants it. */
  #ending = false;
  #finished = false;
  /** Bytes were written since `drained` was last called. */
  #dirty = false;
  #drainDue = false;
  #gone = false;
  #destroyed = false;
  #error: Error | undefined;
  #linger: Timer | undefined;

  constructor(context: EndContext) {
    this.#context = context;
    this.remote = context.remote;
  }

  /** Once, before anything else. */
  join(outgoing: Pipe, incoming: Pipe): void {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
  }

  get attachment(): Attachment {
    return this.#context.attachment;
  }

  get gone(): boolean {
    return this.#gone;
  }

  get hostIsUp(): boolean {
    return this.attachment.hostIsUp;
  }

  get accepts(): boolean {
    return this.#ending || (this.#handler !== undefined && this.#reading);
  }

  get bufferedBytes(): number {
    return this.#outgoing?.backlogBytes ?? 0;
  }

  start(handler: ConnectionHandler): void {
    if (this.#handler !== undefined) throw new TypeError("a connection is started once");
    this.#handler = handler;
    if (this.#gone) this.#reportClosed();
    else this.#incoming?.poke();
    this.#reportDrained();
  }

  write(buffers: readonly Uint8Array[]): void {
    if (this.#gone || this.#ending || this.#finished || buffers.length === 0) return;
    const { attachment, transmit } = this.#context;
    // A process that was killed may run on to the end of its turn; nobody hears it.
    if (!attachment.process.alive || this.#outgoing === undefined) return;
    this.#dirty = true;
    // The only copy: the receiver may do with its bytes what it likes.
    transmit(this.#outgoing, Buffer.concat(buffers));
    this.#reportDrained();
  }

  setReading(on: boolean): void {
    const before = this.#reading;
    this.#reading = on;
    if (on && !before && !this.#gone) this.#incoming?.poke();
  }

  end(): void {
    if (this.#gone || this.#ending) return;
    this.#ending = true;
    if (!this.#finished) this.#outgoing?.sendFin();
    this.#lingerOn();
    this.#incoming?.poke();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#error = undefined;
    this.close();
  }

  /** The kernel closes what its process had open. */
  close(): void {
    if (this.#gone) return;
    this.#leave();
    this.#outgoing?.abandon(this.#context.closesWithReset());
  }

  /** The host loses its power: nobody is told. */
  vanish(): void {
    if (this.#gone) return;
    this.#leave();
    this.#outgoing?.vanish();
  }

  // What the pipes say.

  after(delayMs: number, callback: () => void): Timer {
    return this.attachment.process.after(delayMs, callback);
  }

  deliver(bytes: Uint8Array): void {
    if (!this.#ending && bytes.length > 0) this.#handler?.data(bytes);
  }

  finished(): void {
    this.#finished = true;
    // No connection is half open: the rest of ours leaves, and then this end closes too.
    if (!this.#ending) this.#outgoing?.sendFin();
    this.#lingerOn();
    this.#closeWhenDone();
  }

  emptied(): void {
    this.#reportDrained();
    this.#closeWhenDone();
  }

  lose(reason: string): void {
    if (this.#gone) return;
    this.#fail(new Error(reason));
    this.#leave();
    this.#outgoing?.vanish();
  }

  patienceMs(): number {
    return this.#context.patienceMs();
  }

  #lingerOn(): void {
    this.#linger ??= this.after(LINGER_MS, () => {
      if (this.#gone) return;
      this.#fail(new Error("the other side did not take the rest in time"));
      this.#leave();
      this.#outgoing?.abandon(true);
    });
  }

  #fail(cause: Error): void {
    const message = `the connection to ${this.remote} broke (${cause.message})`;
    this.#error = new NetworkError("CLOSED", message, { cause });
  }

  #closeWhenDone(): void {
    if (!this.#gone && this.#finished && this.#outgoing?.isEmptied === true) this.#leave();
  }

  #leave(): void {
    this.#gone = true;
    this.#linger?.cancel();
    this.#context.left(this);
    // What is on its way now meets the kernel alone.
    this.#incoming?.poke();
    if (this.#handler !== undefined) this.#reportClosed();
  }

  #reportClosed(): void {
    this.attachment.soon(() => this.#handler?.closed(this.#destroyed ? undefined : this.#error));
  }

  #reportDrained(): void {
    if (!this.#dirty || this.#drainDue || this.#handler === undefined || this.#gone) return;
    if (this.#outgoing?.isEmptied !== true) return;
    this.#drainDue = true;
    this.attachment.soon(() => {
      this.#drainDue = false;
      if (!this.#dirty || this.#gone || this.#outgoing?.isEmptied !== true) return;
      this.#dirty = false;
      this.#handler?.drained();
    });
  }
}
