import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
  nodeNetwork,
} from "@holdfast/platform";

/** The real network, from which one node can be cut off for a while. */
export class CuttableNetwork implements Network {
  readonly #network: Network = nodeNetwork();
  readonly #connections = new Set<Connection>();
  #isCut = false;

  cut(): void {
    this.#isCut = true;
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
  }

  mend(): void {
    this.#isCut = false;
  }

  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    return this.#network.listen(address, (connection) => {
      if (this.#admits(connection)) accept(connection);
    });
  }

  async connect(address: Address, options: { readonly timeoutMs: number }): Promise<Connection> {
    const connection = await this.#network.connect(address, options);
    if (!this.#admits(connection)) throw new NetworkError("REFUSED", "this node is cut off");
    return connection;
  }

  #admits(connection: Connection): boolean {
    if (this.#isCut) connection.destroy();
    else this.#connections.add(connection);
    return !this.#isCut;
  }
}
