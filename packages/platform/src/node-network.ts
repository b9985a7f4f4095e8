import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { NetworkError } from "./errors.ts";
import { toNetworkError } from "./network-error.ts";
import type { Address, Connection, Listener, Network } from "./network.ts";
import { NodeConnection } from "./node-connection.ts";

/** Settings of {@link nodeNetwork}. */
export interface NodeNetworkOptions {
  /**
   * When one side has said goodbye, wait this long for the other to take what is still buffered and to say goodbye too, then
   * destroy the socket: a frozen or vanished peer would hold it for ever. Lower loses the last bytes to a slow peer.
   * @defaultValue 5_000
   */
  readonly lingerMs?: number;
}

/** TCP without delay. Half-open connections do not exist: when the other side ends, so does this one. */
export function nodeNetwork(options: NodeNetworkOptions = {}): Network {
  const lingerMs = options.lingerMs ?? 5_000;
  return {
    listen: (address, accept) => listen(address, accept, lingerMs),
    connect: (address, { timeoutMs }) => connect(address, timeoutMs, lingerMs),
  };
}

/** IPv6 addresses may be written as in a URL, in brackets. */
function bareHost(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

function format(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function remoteOf(socket: Socket): string {
  return socket.remoteAddress === undefined || socket.remotePort === undefined
    ? "unknown"
    : format(socket.remoteAddress, socket.remotePort);
}

async function listen(
  address: Address,
  accept: (connection: Connection) => void,
  lingerMs: number,
): Promise<Listener> {
  const host = bareHost(address.host);
  const server = createServer({ noDelay: true, allowHalfOpen: false });
  server.on("connection", (socket) => {
    accept(new NodeConnection(socket, remoteOf(socket), lingerMs));
  });
  await bound(server, host, address.port);
  // Now errors only say that one connection could not be accepted (too many open files). Its peer sees it closed and comes again.
  server.on("error", () => undefined);
  const local = server.address();
  const port = typeof local === "object" && local !== null ? local.port : address.port;
  return {
    address: { host: typeof local === "object" && local !== null ? local.address : host, port },
    close: () => {
      // Node's callback would wait for the open connections; the port itself is free when this call returns.
      if (server.listening) server.close();
      return Promise.resolve();
    },
  };
}

function bound(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      reject(toNetworkError(cause, `cannot listen on ${format(host, port)}`, "ADDRESS_INVALID"));
    };
    server.once("error", failed);
    try {
      server.listen({ host, port, exclusive: true }, () => {
        server.off("error", failed);
        resolve();
      });
    } catch (cause) {
      failed(cause);
    }
  });
}

function connect(address: Address, timeoutMs: number, lingerMs: number): Promise<Connection> {
  const host = bareHost(address.host);
  const what = `cannot connect to ${format(host, address.port)}`;
  return new Promise((resolve, reject) => {
    let socket: Socket;
    try {
      socket = connectSocket({ host, port: address.port, noDelay: true, allowHalfOpen: false });
    } catch (cause) {
      reject(toNetworkError(cause, what, "REFUSED"));
      return;
    }
    const failed = (cause: unknown): void => {
      clearTimeout(timer);
      reject(toNetworkError(cause, what, "REFUSED"));
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new NetworkError("TIMEOUT", `${what} (no answer in ${timeoutMs} ms)`));
    }, timeoutMs);
    timer.unref();
    socket.on("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      // From here on the connection listens; this listener stays only until it does.
      const connection = new NodeConnection(socket, remoteOf(socket), lingerMs);
      socket.off("error", failed);
      resolve(connection);
    });
  });
}
