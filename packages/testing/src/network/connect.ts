import { type Address, type Connection, NetworkError } from "@holdfast/platform";
import { hostName, hostOf, isPort } from "./address.ts";
import type { Attachment, NetworkHost } from "./attachment.ts";
import type { Link } from "./link.ts";
import { freePort } from "./listen.ts";
import type { SimulatedConnection } from "./simulated-connection.ts";

/** A packet that should open a connection and is not answered is sent again after this long. */
const RETRY_MS = 1_000;

/** What connecting needs of the network. */
export interface Connector {
  after(delayMs: number, callback: () => void): void;
  host(id: number): NetworkHost | undefined;
  link(from: number, to: number): Link;
  hit(what: string): void;
  /** Makes a connection. The names are those of the dialler and of the listener. */
  wire(
    dialler: Attachment,
    listener: Attachment,
    names: readonly [string, string],
  ): readonly [SimulatedConnection, SimulatedConnection];
}

/** Opens a connection from a process, or fails as TCP would. */
export function connect(
  address: Address,
  timeoutMs: number,
  dialler: Attachment,
  connector: Connector,
): Promise<Connection> {
  const what = `cannot connect to ${address.host}:${address.port}`;
  const to = hostOf(address.host);
  if (to === undefined || !isPort(address.port)) {
    const message = `${what} (no such address)`;
    return Promise.reject(new NetworkError("ADDRESS_INVALID", message));
  }
  return new Promise((resolve, reject) => {
    let over = false;
    const { process, host } = dialler;
    const remote = `${hostName(host.id)}:${freePort(dialler)}`;
    const there = connector.link(host.id, to);
    const back = connector.link(to, host.id);
    const timer = process.after(timeoutMs, () => {
      over = true;
      connector.hit("connect-timeout");
      reject(new NetworkError("TIMEOUT", `${what} (no answer in ${timeoutMs} ms)`));
    });
    /** The answer gets through: it cannot be cut off on its short way, which no test would miss. */
    const answered = (settle: () => void): void => {
      process.after(back.delayMs(), () => {
        timer.cancel();
        settle();
      });
    };
    const arrive = (): void => {
      if (over || !process.alive) return;
      const target = connector.host(to);
      if (target?.up !== true || there.cut || back.cut) {
        connector.after(RETRY_MS, arrive);
        return;
      }
      const listener = target.listeners.get(address.port);
      if (listener === undefined) {
        answered(() => {
          reject(new NetworkError("REFUSED", `${what} (ECONNREFUSED)`));
        });
        return;
      }
      const near = listener.accept(dialler, remote);
      answered(() => {
        if (over) near.destroy();
        else resolve(near);
      });
    };
    connector.after(there.delayMs(), arrive);
  });
}
