import type { Socket } from "node:net";

/** What happens to the bytes of one direction. */
export interface PipeRule {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
  /** Nothing gets through. What was sent waits, as TCP would send it again. */
  readonly blocked: boolean;
}

/** A link as it is. */
export const FAST: PipeRule = { delayMs: 0, bytesPerSecond: Infinity, blocked: false };

/** Bytes on their way at most; beyond it the sender waits, as with a full window. */
const MAX_BYTES = 1024 * 1024;

/** One direction of a connection: what one socket says goes to the other, in order, under the rule of the moment. */
export class SlowPipe {
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #rule: () => PipeRule;
  readonly #taken: (bytes: number) => void;
  readonly #queue: { readonly at: number; readonly chunk: Buffer }[] = [];
  #queuedBytes = 0;
  #lastAt = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, rule: () => PipeRule, taken: (bytes: number) => void) {
    this.#from = from;
    this.#to = to;
    this.#rule = rule;
    this.#taken = taken;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.on("end", () => {
      this.#ended = true;
      this.pump();
    });
    to.on("drain", () => this.pump());
  }

  /** Lets through what may go now. Also to be called when the rule has changed. */
  pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = performance.now();
    while (!this.#rule().blocked && !this.#to.writableNeedDrain) {
      const next = this.#queue[0];
      if (next === undefined || next.at > now) break;
      this.#queue.shift();
      this.#queuedBytes -= next.chunk.length;
      this.#to.write(next.chunk);
    }
    this.#from[this.#queuedBytes < MAX_BYTES ? "resume" : "pause"]();
    const [waiting] = this.#queue;
    if (waiting === undefined) {
      if (this.#ended) this.#to.end();
    } else if (waiting.at > now) {
      this.#timer = setTimeout(() => this.pump(), waiting.at - now);
    }
  }

  /** Whatever is still on its way is lost. */
  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #take(chunk: Buffer): void {
    const { delayMs, bytesPerSecond } = this.#rule();
    const start = Math.max(this.#lastAt - delayMs, performance.now());
    this.#lastAt = start + (chunk.length / bytesPerSecond) * 1_000 + delayMs;
    this.#queue.push({ at: this.#lastAt, chunk });
    this.#queuedBytes += chunk.length;
    this.#taken(chunk.length);
    this.pump();
  }
}
