import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import type { Connection } from "../src/network.ts";
import { toNetworkError } from "../src/network-error.ts";
import { nodeNetwork } from "../src/node-network.ts";
import { Child } from "./children/spawn.ts";
import { networkSuite } from "../src/conformance.ts";
import { Recorder } from "../src/conformance/recorder.ts";

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((found) => found?.address === "::1");

describe.each(hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"])("nodeNetwork on %s", (host) => {
  networkSuite({ test: it, create: () => ({ network: nodeNetwork(), host }) });
});

describe("nodeNetwork against plain sockets", () => {
  const cleanUps: (() => void)[] = [];
  afterEach(() => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
  });

  /** A server that does with its sockets what a test says, and nothing of its own accord. */
  async function plainServer(accept: (socket: Socket) => void): Promise<Server & { port: number }> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      cleanUps.push(() => socket.destroy());
      socket.on("error", () => undefined);
      accept(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUps.push(() => server.close());
    return Object.assign(server, { port: (server.address() as AddressInfo).port });
  }

  it("reports a reset connection with its cause", async () => {
    const accepted: Socket[] = [];
    const server = await plainServer((socket) => {
      accepted.push(socket);
    });
    const connection = await nodeNetwork().connect(
      { host: "127.0.0.1", port: server.port },
      { timeoutMs: 20_000 },
    );
    const recorder = new Recorder(connection);
    connection.write([new Uint8Array(1)]);
    if (accepted.length === 0) await once(server, "connection");
    for (const socket of accepted) socket.resetAndDestroy();
    await recorder.untilClosed();
    expect(recorder.error).toMatchObject({
      name: "NetworkError",
      code: "CLOSED",
      message: expect.stringContaining(`127.0.0.1:${server.port}`) as unknown,
      cause: { code: "ECONNRESET" },
    });
  });

  it("ends its own side when the other side ends", async () => {
    let socket: Socket | undefined;
    const server = await plainServer((accepted) => {
      socket = accepted;
      accepted.resume();
      accepted.end("bye");
    });
    const connection = await nodeNetwork().connect(
      { host: "127.0.0.1", port: server.port },
      { timeoutMs: 20_000 },
    );
    const recorder = new Recorder(connection);
    await recorder.untilClosed();
    expect(recorder.error).toBeUndefined();
    expect(recorder.bytes()).toEqual(new TextEncoder().encode("bye"));
    if (socket?.readableEnded === false) await once(socket, "end");
  });

  // A frozen process keeps its sockets open for ever; the kernel goes on acknowledging nothing but probes.
  it("gives up on a peer that neither takes the rest nor says goodbye", async () => {
    const server = await plainServer(() => undefined);
    const connection = await nodeNetwork({ lingerMs: 30 }).connect(
      { host: "127.0.0.1", port: server.port },
      { timeoutMs: 20_000 },
    );
    const recorder = new Recorder(connection);
    connection.write([new Uint8Array(64 << 20)]);
    connection.end();
    await recorder.untilClosed();
    expect(recorder.error).toMatchObject({ name: "NetworkError", code: "CLOSED" });
    expect(recorder.calls).toEqual(["closed"]);
  });

  it("gives up on a peer that says goodbye but does not read", async () => {
    const server = await plainServer((socket) => socket.end());
    const connection = await nodeNetwork({ lingerMs: 30 }).connect(
      { host: "127.0.0.1", port: server.port },
      { timeoutMs: 20_000 },
    );
    connection.write([new Uint8Array(64 << 20)]);
    const recorder = new Recorder(connection);
    await recorder.untilClosed();
    expect(recorder.error).toMatchObject({ name: "NetworkError", code: "CLOSED" });
  });

  it("refuses a connection to a port where nobody listens, by address and by name", async () => {
    const server = await plainServer(() => undefined);
    server.close();
    await once(server, "close");
    for (const host of ["127.0.0.1", "localhost"]) {
      await expect(
        nodeNetwork().connect({ host, port: server.port }, { timeoutMs: 20_000 }),
      ).rejects.toMatchObject({
        name: "NetworkError",
        code: "REFUSED",
        message: expect.stringContaining("ECONNREFUSED") as unknown,
      });
    }
  });

  // A full accept queue swallows further SYNs: the connection is neither made nor refused.
  it("times out when nobody answers, and leaves no socket behind", async () => {
    const child = Child.run("deaf-server");
    const port = Number(/port (\d+)\./.exec(await child.printed("."))?.[1]);
    const queued = Array.from({ length: 16 }, () => connect(port, "127.0.0.1"));
    for (const socket of queued) socket.on("error", () => undefined);
    await expect(
      nodeNetwork().connect({ host: "127.0.0.1", port }, { timeoutMs: 40 }),
    ).rejects.toMatchObject({ name: "NetworkError", code: "TIMEOUT" });
    // Had the socket survived its time-out, this process would wait for the system to give up, for two minutes.
    expect(await Child.run("idle", "unanswered", String(port)).ended()).toBe("TIMEOUT\nidle\n");
    for (const socket of queued) socket.destroy();
    await child.kill();
  });

  it("refuses addresses that cannot be", async () => {
    const network = nodeNetwork();
    const accept = (connection: Connection): void => {
      connection.destroy();
    };
    for (const address of [
      { host: "127.0.0.1", port: 70_000 },
      { host: "127.0.0.1", port: -1 },
      { host: "127.0.0.1", port: Number.NaN },
    ]) {
      const invalid = { name: "NetworkError", code: "ADDRESS_INVALID" };
      await expect(network.listen(address, accept)).rejects.toMatchObject(invalid);
      await expect(network.connect(address, { timeoutMs: 20_000 })).rejects.toMatchObject(invalid);
    }
    // TEST-NET-1 belongs to no machine.
    await expect(network.listen({ host: "192.0.2.1", port: 0 }, accept)).rejects.toMatchObject({
      code: "ADDRESS_INVALID",
    });
  });

  it.skipIf(!hasIpv6)("takes IPv6 addresses with brackets, and prints them so", async () => {
    const network = nodeNetwork();
    const accepted: Connection[] = [];
    const listener = await network.listen({ host: "[::1]", port: 0 }, (connection) => {
      accepted.push(connection);
    });
    expect(listener.address.host).toBe("::1");
    const connection = await network.connect(
      { host: "[::1]", port: listener.address.port },
      { timeoutMs: 20_000 },
    );
    expect(connection.remote).toBe(`[::1]:${listener.address.port}`);
    connection.destroy();
    await new Recorder(connection).untilClosed();
    for (const other of accepted) other.destroy();
    await listener.close();
  });

  // Nagle's algorithm holds back the second small write until the first is acknowledged, and the other side waits 40 ms before it
  // does so: these rounds would take more than five seconds.
  it.each(["connecting", "accepting"])("sends without delay from the %s side", async (side) => {
    const network = nodeNetwork();
    let accept: ((connection: Connection) => void) | undefined;
    const accepted = new Promise<Connection>((resolve) => {
      accept = resolve;
    });
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
      accept?.(connection),
    );
    const both = [
      new Recorder(await network.connect(listener.address, { timeoutMs: 20_000 })),
      new Recorder(await accepted),
    ] as const;
    const [sender, echo] = side === "connecting" ? both : ([both[1], both[0]] as const);
    const before = performance.now();
    for (let round = 1; round <= 150; round += 1) {
      for (let half = 0; half < 2; half += 1) {
        sender.connection.write([new Uint8Array(1)]);
        await sender.untilDrained(2 * round - 1 + half);
      }
      await echo.untilReceived(2 * round);
      echo.connection.write([new Uint8Array(1)]);
      await sender.untilReceived(round);
    }
    expect(performance.now() - before).toBeLessThan(4_500);
    sender.connection.end();
    await Promise.all([sender.untilClosed(), echo.untilClosed()]);
    await listener.close();
  });
});

it("names the reason for every address of a name", () => {
  const cause = new AggregateError([
    new Error("refused by ::1"),
    new Error("refused by 127.0.0.1"),
  ]);
  const error = toNetworkError(cause, "cannot connect to localhost:1", "REFUSED");
  expect(error.message).toBe(
    "cannot connect to localhost:1 (refused by ::1; refused by 127.0.0.1)",
  );
  expect(error.cause).toBe(cause);
});
