import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Address, Connection, Listener, Network } from "../../src/network.ts";
import { prng } from "../../src/prng.ts";
import { Recorder } from "./recorder.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const TIMEOUT_MS = 20_000;

/** A network under test, and a host on which it may listen with port 0. */
export interface NetworkFixture {
  readonly network: Network;
  readonly host: string;
}

/** What every {@link Network} promises. */
export function networkSuite(name: string, create: () => NetworkFixture): void {
  let network: Network;
  let host: string;
  let opened: Connection[];
  let listeners: Listener[];

  beforeEach(() => {
    ({ network, host } = create());
    opened = [];
    listeners = [];
  });
  afterEach(async () => {
    for (const connection of opened) connection.destroy();
    for (const listener of listeners) await listener.close();
  });

  async function listen(accept: (connection: Connection) => void): Promise<Listener> {
    const listener = await network.listen({ host, port: 0 }, (connection) => {
      opened.push(connection);
      accept(connection);
    });
    listeners.push(listener);
    return listener;
  }

  async function connect(address: Address): Promise<Connection> {
    const connection = await network.connect(address, { timeoutMs: TIMEOUT_MS });
    opened.push(connection);
    return connection;
  }

  /** Both ends of one connection, not started. */
  async function pair(): Promise<[client: Connection, server: Connection]> {
    let accepted: ((connection: Connection) => void) | undefined;
    const server = new Promise<Connection>((resolve) => {
      accepted = resolve;
    });
    const listener = await listen((connection) => accepted?.(connection));
    const client = await connect(listener.address);
    return [client, await server];
  }

  async function startedPair(): Promise<[client: Recorder, server: Recorder]> {
    const [client, server] = await pair();
    return [new Recorder(client), new Recorder(server)];
  }

  describe(`${name}: bytes`, () => {
    it("carries them in both directions, in order", async () => {
      const [client, server] = await startedPair();
      const random = prng(1);
      const parts = Array.from({ length: 300 }, () => random.bytes(random.integer(0, 3_000)));
      for (let at = 0; at < parts.length; at += 3) {
        client.connection.write(parts.slice(at, at + 3));
        server.connection.write(parts.slice(at, at + 3));
      }
      const all = Uint8Array.from(Buffer.concat(parts));
      expect(Buffer.compare(await server.untilReceived(all.length), all)).toBe(0);
      expect(Buffer.compare(await client.untilReceived(all.length), all)).toBe(0);
    });

    it("carries one write of 3,000 buffers, and one of 8 MiB", async () => {
      const [client, server] = await startedPair();
      const many = Array.from({ length: 3_000 }, (_, index) => text(`${index},`));
      const large = prng(2).bytes(8 << 20);
      client.connection.write(many);
      client.connection.write([large]);
      const all = Uint8Array.from(Buffer.concat([...many, large]));
      expect(Buffer.compare(await server.untilReceived(all.length), all)).toBe(0);
    });

    it("delivers nothing before start, and nothing is lost", async () => {
      const [client, server] = await pair();
      client.write([text("early")]);
      const early = new Recorder(client);
      await early.untilDrained();
      const late = new Recorder(server);
      expect(late.calls).toEqual([]);
      expect(await late.untilReceived(5)).toEqual(text("early"));
    });

    it("starts once", async () => {
      const [client] = await startedPair();
      expect(() => new Recorder(client.connection)).toThrow(TypeError);
    });

    it("names the other end", async () => {
      const [client, server] = await pair();
      expect(client.remote).toContain(String(listeners[0]?.address.port));
      expect(server.remote).not.toBe("");
    });
  });

  describe(`${name}: back-pressure`, () => {
    it("counts what has not left, and says when it has", async () => {
      const [client, server] = await startedPair();
      server.connection.setReading(false);
      expect(client.connection.bufferedBytes).toBe(0);
      // More than any socket buffer takes, so that some of it must wait here.
      const size = 64 << 20;
      client.connection.write([new Uint8Array(size)]);
      expect(client.connection.bufferedBytes).toBeGreaterThan(0);
      expect(client.connection.bufferedBytes).toBeLessThanOrEqual(size);
      expect(client.calls).toEqual([]);
      server.connection.setReading(true);
      await client.untilDrained();
      expect(client.connection.bufferedBytes).toBe(0);
      await server.untilReceived(size);
    });

    it("says so once for several writes, and again for later ones", async () => {
      const [client, server] = await startedPair();
      for (let call = 0; call < 10; call += 1) client.connection.write([text("x"), text("y")]);
      client.connection.write([]);
      await client.untilDrained();
      await server.untilReceived(20);
      expect(client.calls).toEqual(["drained"]);
      client.connection.write([text("z")]);
      await client.untilDrained(2);
      expect(client.calls).toEqual(["drained", "drained"]);
    });

    it("keeps what arrives while it does not read", async () => {
      const [client, server] = await pair();
      server.setReading(false);
      const reader = new Recorder(server);
      const writer = new Recorder(client);
      client.write([text("one")]);
      await writer.untilDrained();
      // Bytes that go the other way, one after the other, show that there was time enough to deliver.
      for (let turn = 1; turn <= 5; turn += 1) {
        server.write([text("?")]);
        await writer.untilReceived(turn);
      }
      expect(reader.received).toBe(0);
      server.setReading(true);
      expect(await reader.untilReceived(3)).toEqual(text("one"));
    });
  });

  describe(`${name}: closing`, () => {
    it("end sends what is buffered, then closes both ends without an error", async () => {
      const [client, server] = await startedPair();
      const large = prng(3).bytes(4 << 20);
      client.connection.write([large]);
      client.connection.end();
      client.connection.end();
      client.connection.write([text("too late")]);
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      expect(Buffer.compare(server.bytes(), large)).toBe(0);
      expect(server.calls).toEqual(["data", "closed"]);
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    });

    it("end lets the other side's bytes pass by", async () => {
      const [client, server] = await startedPair();
      client.connection.setReading(false);
      server.connection.write([new Uint8Array(1 << 20)]);
      client.connection.write([text("last words")]);
      client.connection.end();
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      expect(server.bytes()).toEqual(text("last words"));
      expect(client.received).toBe(0);
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    });

    it("both ends may end at once", async () => {
      const [client, server] = await startedPair();
      client.connection.write([text("from the client")]);
      server.connection.write([text("from the server")]);
      await Promise.all([client.untilReceived(15), server.untilReceived(15)]);
      client.connection.end();
      server.connection.end();
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    });

    it("destroy closes at once, without an error for the one who asked", async () => {
      const [client, server] = await startedPair();
      client.connection.write([new Uint8Array(64 << 20)]);
      client.connection.destroy();
      client.connection.destroy();
      expect(client.connection.bufferedBytes).toBe(0);
      expect(client.calls).toEqual([]); // Never from inside a call.
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      expect(client.calls).toEqual(["closed"]);
      expect(client.error).toBeUndefined();
      expect(client.connection.bufferedBytes).toBe(0);
      expect(server.calls.filter((call) => call === "closed")).toHaveLength(1);
    });

    it("does nothing more once closed", async () => {
      const [client, server] = await startedPair();
      client.connection.destroy();
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      for (const { connection, calls } of [client, server]) {
        const before = [...calls];
        connection.write([text("x")]);
        connection.setReading(false);
        connection.setReading(true);
        connection.end();
        connection.destroy();
        expect(connection.bufferedBytes).toBe(0);
        expect(calls).toEqual(before);
      }
    });

    it("tells a handler that started late, after the start", async () => {
      const [client, server] = await pair();
      client.destroy();
      await new Recorder(server).untilClosed();
      const late = new Recorder(client);
      expect(late.calls).toEqual([]);
      await late.untilClosed();
      expect(late.calls).toEqual(["closed"]);
    });

    it("delivers what arrived before the other side ended, though nobody had started", async () => {
      const [client, server] = await pair();
      client.write([text("all of it")]);
      client.end();
      const ended = new Recorder(client);
      await ended.untilDrained();
      const late = new Recorder(server);
      await Promise.all([ended.untilClosed(), late.untilClosed()]);
      expect(late.bytes()).toEqual(text("all of it"));
      expect([ended.error, late.error]).toEqual([undefined, undefined]);
    });
  });

  describe(`${name}: addresses`, () => {
    it("refuses an address that is taken, until it is free", async () => {
      const first = await listen(() => undefined);
      expect(first.address.port).toBeGreaterThan(0);
      await expect(network.listen(first.address, () => undefined)).rejects.toMatchObject({
        name: "NetworkError",
        code: "ADDRESS_IN_USE",
        message: expect.stringContaining(String(first.address.port)) as unknown,
      });
      await first.close();
      const again = await network.listen(first.address, () => undefined);
      expect(again.address).toEqual(first.address);
      await again.close();
    });

    it("stops accepting, keeps what is open, and may be closed twice", async () => {
      const [client, server] = await startedPair();
      const listener = listeners[0];
      await listener?.close();
      await listener?.close();
      await expect(connect(listener?.address ?? { host, port: 1 })).rejects.toMatchObject({
        name: "NetworkError",
        code: "REFUSED",
      });
      client.connection.write([text("still here")]);
      expect(await server.untilReceived(10)).toEqual(text("still here"));
    });
  });
}
