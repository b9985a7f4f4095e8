import type { Connection, ConnectionHandler } from "../network.ts";

/** A {@link ConnectionHandler} that remembers everything, and lets a test wait for what it needs. */
export class Recorder implements ConnectionHandler {
  readonly connection: Connection;
  /** `data`, `drained` and `closed` in the order of the calls; successive `data` count once. */
  readonly calls: string[] = [];
  error: Error | undefined;
  readonly #chunks: Uint8Array[] = [];
  #received = 0;
  #isClosed = false;
  #drained = 0;
  readonly #waiting = new Set<() => void>();

  constructor(connection: Connection) {
    this.connection = connection;
    connection.start(this);
  }

  data(bytes: Uint8Array): void {
    if (this.calls.at(-1) !== "data") this.calls.push("data");
    this.#chunks.push(bytes);
    this.#received += bytes.length;
    this.#notify();
  }

  drained(): void {
    this.calls.push("drained");
    this.#drained += 1;
    this.#notify();
  }

  closed(error?: Error): void {
    this.calls.push("closed");
    this.error = error;
    this.#isClosed = true;
    this.#notify();
  }

  get received(): number {
    return this.#received;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#chunks));
  }

  async untilReceived(length: number): Promise<Uint8Array> {
    await this.#until(() => this.#received >= length);
    return this.bytes();
  }

  async untilDrained(times = 1): Promise<void> {
    await this.#until(() => this.#drained >= times);
  }

  async untilClosed(): Promise<void> {
    await this.#until(() => this.#isClosed, true);
  }

  async #until(condition: () => boolean, mayClose = false): Promise<void> {
    while (!condition()) {
      if (this.#isClosed && !mayClose)
        throw new Error("the connection closed first", { cause: this.error });
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
