import type { Address, Connection, Listener, Network } from "../network.ts";
import { Recorder } from "./recorder.ts";

const TIMEOUT_MS = 20_000;

/** A network under test; knows what must be closed after the test. */
export class NetworkBench {
  readonly network: Network;
  readonly host: string;
  readonly #opened: Connection[] = [];
  readonly #listeners: Listener[] = [];

  constructor(network: Network, host: string) {
    this.network = network;
    this.host = host;
  }

  async listen(accept: (connection: Connection) => void): Promise<Listener> {
    const listener = await this.network.listen({ host: this.host, port: 0 }, (connection) => {
      this.#opened.push(connection);
      accept(connection);
    });
    this.#listeners.push(listener);
    return listener;
  }

  async connect(address: Address): Promise<Connection> {
    const connection = await this.network.connect(address, { timeoutMs: TIMEOUT_MS });
    this.#opened.push(connection);
    return connection;
  }

  /** Both ends of one connection, not started. */
  async pair(): Promise<[client: Connection, server: Connection, listener: Listener]> {
    let accepted: ((connection: Connection) => void) | undefined;
    const server = new Promise<Connection>((resolve) => {
      accepted = resolve;
    });
    const listener = await this.listen((connection) => accepted?.(connection));
    const client = await this.connect(listener.address);
    return [client, await server, listener];
  }

  async startedPair(): Promise<[client: Recorder, server: Recorder, listener: Listener]> {
    const [client, server, listener] = await this.pair();
    return [new Recorder(client), new Recorder(server), listener];
  }

  async close(): Promise<void> {
    for (const connection of this.#opened) connection.destroy();
    for (const listener of this.#listeners) await listener.close();
  }
}

/** The tests of one theme, by name. */
export type NetworkTests = Readonly<Record<string, (bench: NetworkBench) => Promise<void>>>;
