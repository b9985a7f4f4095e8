import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { LinkProxy } from "../../chaos/link-proxy.ts";
import { FAST, type PipeRule } from "../../chaos/slow-pipe.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A member 2 that listens, a proxy in its place, and a member 1 that dials it. */
async function link(rules: { there?: PipeRule; back?: PipeRule } = {}) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = new LinkProxy((_address, bytes) => (bytes.length > 0 ? 1 : undefined));
  const targetPort = (server.address() as AddressInfo).port;
  const port = await freePort();
  await proxy.listen([{ member: 2, host: "127.0.0.1", port, targetHost: "127.0.0.1", targetPort }]);
  proxy.setRules([
    ...(rules.there === undefined ? [] : [{ from: 1, to: 2, rule: rules.there }]),
    ...(rules.back === undefined ? [] : [{ from: 2, to: 1, rule: rules.back }]),
  ]);
  const near = connect(port, "127.0.0.1");
  near.on("error", () => undefined);
  cleanups.push(() => {
    near.destroy();
    for (const socket of sockets) socket.destroy();
    proxy.close();
    server.close();
  });
  near.write("hello ");
  const [far] = (await once(server, "connection")) as [Socket];
  return { proxy, near, far };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function read(socket: Socket, length: number): Promise<string> {
  let text = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length >= length) break;
  }
  return text;
}

const BLOCKED: PipeRule = { ...FAST, blocked: true };

describe("a proxy between two members", () => {
  test("lets both directions through, in order", async () => {
    const { near, far } = await link();
    near.write("from 1");
    far.write("from 2");
    expect(await read(far, 12)).toBe("hello from 1");
    expect(await read(near, 6)).toBe("from 2");
  });

  test("holds back a direction, and only that one, until it is told otherwise", async () => {
    const { proxy, near, far } = await link({ there: BLOCKED });
    far.write("from 2");
    expect(await read(near, 6)).toBe("from 2");
    expect(far.bytesRead).toBe(0);
    near.write("from 1");
    proxy.setRules([]);
    expect(await read(far, 12)).toBe("hello from 1");
  });

  test("delays and counts what goes over a slow link, and keeps its order", async () => {
    const slow: PipeRule = { delayMs: 60, bytesPerSecond: 1_000_000, blocked: false };
    const began = performance.now();
    const { proxy, near, far } = await link({ there: slow });
    for (let i = 0; i < 20; i++) near.write(String(i % 10));
    expect(await read(far, 26)).toBe("hello 01234567890123456789");
    expect(performance.now() - began).toBeGreaterThanOrEqual(60);
    expect(proxy.touchedBytes).toBe(26);
  });

  test("limits how fast bytes go", async () => {
    const narrow: PipeRule = { delayMs: 0, bytesPerSecond: 100_000, blocked: false };
    const { near, far } = await link({ there: narrow });
    const began = performance.now();
    near.write(Buffer.alloc(20_000, "x"));
    await read(far, 20_006);
    expect(performance.now() - began).toBeGreaterThanOrEqual(190);
  });

  test("passes on that a side has ended", async () => {
    const { near, far } = await link();
    near.end();
    expect(await read(far, 6)).toBe("hello ");
    await once(far, "end");
  });

  test("cuts connections on demand", async () => {
    const { proxy, near, far } = await link();
    await read(far, 6);
    proxy.cut();
    await Promise.all([once(near, "close"), once(far, "close")]);
  });
});
