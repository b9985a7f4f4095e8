import { connect, createServer, type Server, type Socket } from "node:net";
import { FAST, type PipeRule, SlowPipe } from "./slow-pipe.ts";

/** Where a proxy listens in the place of a member, and where that member really is. */
export interface ProxyListener {
  readonly member: number;
  readonly host: string;
  readonly port: number;
  readonly targetHost: string;
  readonly targetPort: number;
}

/** Finds out which member dials: from its address, or from the first bytes that it sends. `undefined`: not known yet. */
export type Recognise = (address: string, bytes: Uint8Array) => number | undefined;

interface Link {
  readonly sockets: readonly Socket[];
  readonly pipes: readonly SlowPipe[];
}

/** Who has not said who it is after so many bytes is not a member. */
const MAX_HELLO_BYTES = 64 * 1024;

/** Stands between members and lets bytes through late, slowly or not at all. */
export class LinkProxy {
  readonly #recognise: Recognise;
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  readonly #rules = new Map<string, PipeRule>();
  #touchedBytes = 0;

  constructor(recognise: Recognise) {
    this.#recognise = recognise;
  }

  /** Bytes that came under a rule other than {@link FAST}: they went late, or wait. */
  get touchedBytes(): number {
    return this.#touchedBytes;
  }

  /** Resolves when connections are accepted. */
  async listen(listeners: readonly ProxyListener[]): Promise<void> {
    for (const listener of listeners) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        this.#accepted(socket, listener);
      });
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(listener.port, listener.host, resolve);
      });
    }
  }

  /** From now on; `from` or `to` that has no rule is fast. */
  setRules(rules: readonly { from: number; to: number; rule: PipeRule }[]): void {
    this.#rules.clear();
    for (const { from, to, rule } of rules) this.#rules.set(`${from}>${to}`, rule);
    for (const { pipes } of this.#links) for (const pipe of pipes) pipe.pump();
  }

  /** Cuts every connection; new ones are accepted. */
  cut(): void {
    for (const { sockets } of this.#links) for (const socket of sockets) socket.destroy();
  }

  close(): void {
    for (const server of this.#servers) server.close();
    this.cut();
  }

  #accepted(socket: Socket, listener: ProxyListener): void {
    const address = socket.remoteAddress ?? "";
    let hello = Buffer.alloc(0);
    const look = (chunk: Buffer): void => {
      hello = Buffer.concat([hello, chunk]);
      const from = this.#recognise(address, hello);
      if (from === undefined) {
        if (hello.length > MAX_HELLO_BYTES) socket.destroy();
        return;
      }
      socket.off("data", look);
      socket.pause();
      this.#join(socket, hello, from, listener);
    };
    socket.on("data", look);
    socket.on("error", () => socket.destroy());
  }

  #join(near: Socket, hello: Buffer, from: number, listener: ProxyListener): void {
    const { member: to, targetHost, targetPort } = listener;
    const far = connect({ host: targetHost, port: targetPort, allowHalfOpen: true, noDelay: true });
    const rule = (a: number, b: number) => () => this.#rules.get(`${a}>${b}`) ?? FAST;
    const there = new SlowPipe(near, far, rule(from, to), (n) => this.#count(from, to, n));
    const back = new SlowPipe(far, near, rule(to, from), (n) => this.#count(to, from, n));
    const link: Link = { sockets: [near, far], pipes: [there, back] };
    this.#links.add(link);
    for (const socket of link.sockets) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#links.delete(link);
        for (const pipe of link.pipes) pipe.close();
        for (const other of link.sockets) other.destroy();
      });
    }
    near.emit("data", hello);
  }

  #count(from: number, to: number, bytes: number): void {
    if (this.#rules.has(`${from}>${to}`)) this.#touchedBytes += bytes;
  }
}
