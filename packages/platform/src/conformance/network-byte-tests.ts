import { deepEqual, equal, match, notEqual, ok, throws } from "node:assert/strict";
import { prng } from "../prng.ts";
import type { NetworkTests } from "./network-bench.ts";
import { Recorder } from "./recorder.ts";

/** What arrives, and when. */
export function byteTests(manyBytes: number): NetworkTests {
  return { ...carryTests, ...startTests, ...backPressureTests(manyBytes) };
}

const carryTests: NetworkTests = {
  "write: carries bytes in both directions, in order": async (bench) => {
    const [client, server] = await bench.startedPair();
    const random = prng(1);
    const parts = Array.from({ length: 300 }, () => random.bytes(random.integer(0, 3_000)));
    for (let at = 0; at < parts.length; at += 3) {
      client.connection.write(parts.slice(at, at + 3));
      server.connection.write(parts.slice(at, at + 3));
    }
    const all = Buffer.concat(parts);
    equal(Buffer.compare(await server.untilReceived(all.length), all), 0);
    equal(Buffer.compare(await client.untilReceived(all.length), all), 0);
  },

  "write: takes 3,000 buffers, and 8 MiB": async (bench) => {
    const [client, server] = await bench.startedPair();
    const many = Array.from({ length: 3_000 }, (_, index) => text(`${index},`));
    const large = prng(2).bytes(8 << 20);
    client.connection.write(many);
    client.connection.write([large]);
    const all = Buffer.concat([...many, large]);
    equal(Buffer.compare(await server.untilReceived(all.length), all), 0);
  },

  "remote: names the other end": async (bench) => {
    const [client, server, listener] = await bench.pair();
    match(client.remote, new RegExp(String(listener.address.port)));
    notEqual(server.remote, "");
  },
};

const startTests: NetworkTests = {
  "start: delivers nothing before, and nothing is lost": async (bench) => {
    const [client, server] = await bench.pair();
    client.write([text("early")]);
    const early = new Recorder(client);
    await early.untilDrained();
    const late = new Recorder(server);
    deepEqual(late.calls, []);
    deepEqual(await late.untilReceived(5), text("early"));
  },

  "start: happens once": async (bench) => {
    const [client] = await bench.startedPair();
    throws(() => new Recorder(client.connection), TypeError);
  },
};

function backPressureTests(manyBytes: number): NetworkTests {
  return {
    "bufferedBytes: counts what has not left, and drained says when it has": async (bench) => {
      const [client, server] = await bench.startedPair();
      server.connection.setReading(false);
      const before = client.connection.bufferedBytes;
      equal(before, 0);
      client.connection.write([new Uint8Array(manyBytes)]);
      ok(client.connection.bufferedBytes > 0);
      ok(client.connection.bufferedBytes <= manyBytes);
      deepEqual(client.calls, []);
      server.connection.setReading(true);
      await client.untilDrained();
      equal(client.connection.bufferedBytes, 0);
      await server.untilReceived(manyBytes);
    },

    "drained: comes once for several writes, and again for later ones": async (bench) => {
      const [client, server] = await bench.startedPair();
      for (let call = 0; call < 10; call += 1) client.connection.write([text("x"), text("y")]);
      client.connection.write([]);
      await client.untilDrained();
      await server.untilReceived(20);
      deepEqual(client.calls, ["drained"]);
      client.connection.write([text("z")]);
      await client.untilDrained(2);
      deepEqual(client.calls, ["drained", "drained"]);
    },

    "setReading: keeps what arrives while nobody reads": async (bench) => {
      const [client, server] = await bench.pair();
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
      equal(reader.received, 0);
      server.setReading(true);
      deepEqual(await reader.untilReceived(3), text("one"));
    },
  };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
