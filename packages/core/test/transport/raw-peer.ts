import { connect, createServer, type Server, type Socket } from "node:net";
import type { Address } from "@holdfast/platform";
import { encodeFrame, FRAME_KIND, type Frame, FrameDecoder } from "../../src/transport/frame.ts";
import { encodeHello, type Hello, PROTOCOL } from "../../src/transport/handshake.ts";
import { messageBytes, MessageFrame, type WireMessage } from "../../src/transport/message-frame.ts";
import { CLUSTER_ID, Signal } from "./cluster-fixture.ts";

/** An introduction of node 2 that is accepted. */
export const HELLO: Hello = {
  protocol: PROTOCOL,
  role: "peer",
  clusterId: CLUSTER_ID,
  nodeId: 2,
  incarnation: 1_002,
  amnesiac: false,
  features: [],
  address: "127.0.0.1:1",
};

export function helloFrame(change: Partial<Hello> = {}, kind: number = FRAME_KIND.hello): Buffer {
  return Buffer.concat(encodeFrame(kind, 0, [encodeHello({ ...HELLO, ...change })]));
}

export function messagesFrame(messages: readonly WireMessage[], group = 0): Buffer {
  const frame = new MessageFrame(group);
  for (const message of messages) frame.add(message, messageBytes(message));
  return Buffer.concat(frame.encode());
}

/** A socket in the hands of somebody who does not keep to the rules. */
export class RawPeer {
  readonly frames = new Signal<Frame>();
  readonly ended = new Signal<"closed">();
  readonly socket: Socket;
  readonly #decoder = new FrameDecoder(2 ** 24);

  constructor(socket: Socket, reading = true) {
    this.socket = socket;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      this.ended.emit("closed");
    });
    if (!reading) return;
    socket.on("data", (bytes: Buffer) => {
      this.#decoder.push(bytes);
      for (let f = this.#decoder.next(); f !== undefined; f = this.#decoder.next()) {
        this.frames.emit(f);
      }
    });
  }

  send(...bytes: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes));
  }
}

const sockets = new Set<Socket>();
const servers = new Set<Server>();

export async function dialRaw({ host, port }: Address): Promise<RawPeer> {
  const socket = connect({ host, port });
  const peer = new RawPeer(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return peer;
}

/** Listens in place of a node. `reading: false`: never takes a byte from whoever dials. */
export async function listenRaw(
  accept: (peer: RawPeer) => void,
  reading = true,
): Promise<{ address: string }> {
  const server = createServer({ pauseOnConnect: !reading }, (socket) => {
    accept(new RawPeer(socket, reading));
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return { address: `127.0.0.1:${bound.port}` };
}

/** For `afterEach`. */
export function closeRaw(): void {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  servers.clear();
}
