/** Where a node listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Why a {@link Network} operation failed; the original error is the `cause`. */
export type NetworkErrorCode =
  | "ADDRESS_IN_USE"
  /** The address cannot be bound here, or its name does not resolve. */
  | "ADDRESS_INVALID"
  | "REFUSED"
  | "TIMEOUT"
  /** The connection broke, or the other side did not take the rest after the end. */
  | "CLOSED";

/** What a {@link Connection} tells its owner. Called in order, never before `start` returned, never after `closed`. */
export interface ConnectionHandler {
  /** Bytes that arrived, in order. The callee owns the buffer. */
  data(bytes: Uint8Array): void;
  /** Everything written so far has left this process's buffers. */
  drained(): void;
  /** Exactly once, last. `error` is absent when the other side closed in an orderly way, or this side called `end` or `destroy`. */
  closed(error?: Error): void;
}

/** An ordered, reliable stream of bytes to one other process. */
export interface Connection {
  /** The other end, for messages to people. */
  readonly remote: string;
  /** Bytes accepted by `write` that have not left this process yet. The caller bounds it. */
  readonly bufferedBytes: number;
  /** Begins delivery to `handler`. Once. */
  start(handler: ConnectionHandler): void;
  /** Queues all buffers as one write. They must not be changed afterwards. A no-op once closed. */
  write(buffers: readonly Uint8Array[]): void;
  /** Stops (`false`) or resumes (`true`) reading, for back-pressure. */
  setReading(on: boolean): void;
  /** Sends what is buffered, then closes. No more `data` is delivered. Bounded in time. */
  end(): void;
  /** Closes at once; buffered bytes are lost. */
  destroy(): void;
}

/** A bound address. */
export interface Listener {
  /** The address as bound: with the real port when 0 was asked for. */
  readonly address: Address;
  /** Stops accepting. Open connections stay. Idempotent. */
  close(): Promise<void>;
}

/** The network as a node sees it. Failures are {@link NetworkError}. The real one is `nodeNetwork` (TCP, no delay). */
export interface Network {
  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener>;
  /** Rejects with `REFUSED`, `TIMEOUT` or `ADDRESS_INVALID`. */
  connect(address: Address, options: { readonly timeoutMs: number }): Promise<Connection>;
}
