import { type Address, type Connection, type Listener, NetworkError } from "@holdfast/platform";
import { hostName, isPort } from "./address.ts";
import type { Attachment, HostListener } from "./attachment.ts";
import type { Connector } from "./connect.ts";

/** Binds a port of the host, for as long as the process lives. */
export function listen(
  address: Address,
  accept: (connection: Connection) => void,
  attachment: Attachment,
  connector: Connector,
): Promise<Listener> {
  const { host, process } = attachment;
  const name = hostName(host.id);
  const what = `cannot listen on ${address.host}:${address.port}`;
  if (!isPort(address.port) || (address.host !== name && address.host !== "0.0.0.0")) {
    const message = `${what} (no address of ${name})`;
    return Promise.reject(new NetworkError("ADDRESS_INVALID", message));
  }
  const port = address.port === 0 ? freePort(attachment) : address.port;
  if (host.listeners.has(port) || !process.alive) {
    return Promise.reject(new NetworkError("ADDRESS_IN_USE", `${what} (EADDRINUSE)`));
  }
  const listener: HostListener = {
    attachment,
    accept: (dialler, remote) => {
      const names = [remote, `${name}:${port}`] as const;
      const [near, far] = connector.wire(dialler, attachment, names);
      process.after(0, () => {
        if (host.listeners.get(port) === listener) accept(far);
        else far.destroy();
      });
      return near;
    },
  };
  host.listeners.set(port, listener);
  return Promise.resolve({
    address: { host: address.host, port },
    close: () => {
      if (host.listeners.get(port) === listener) host.listeners.delete(port);
      return Promise.resolve();
    },
  });
}

/** Where ports begin and end that a host gives out itself. */
export const FIRST_PORT = 32_768;
const LAST_PORT = 60_999;

/** A port that nobody listens on. */
export function freePort({ host }: Attachment): number {
  do {
    host.lastPort = host.lastPort < LAST_PORT ? host.lastPort + 1 : FIRST_PORT;
  } while (host.listeners.has(host.lastPort));
  return host.lastPort;
}
