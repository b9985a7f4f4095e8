import { deepEqual, equal, ok } from "node:assert/strict";
import { NetworkError } from "../errors.ts";
import type { NetworkErrorCode } from "../network.ts";
import { prng } from "../prng.ts";
import type { NetworkTests } from "./network-bench.ts";
import { Recorder } from "./recorder.ts";

/** How connections end, and how listeners begin and end. */
export function closeTests(manyBytes: number): NetworkTests {
  return { ...endTests, ...destroyTests(manyBytes), ...listenTests };
}

const endTests: NetworkTests = {
  "end: sends what is buffered, then closes both ends without an error": async (bench) => {
    const [client, server] = await bench.startedPair();
    const large = prng(3).bytes(4 << 20);
    client.connection.write([large]);
    client.connection.end();
    client.connection.end();
    client.connection.write([text("too late")]);
    await Promise.all([client.untilClosed(), server.untilClosed()]);
    equal(Buffer.compare(server.bytes(), large), 0);
    deepEqual(server.calls, ["data", "closed"]);
    deepEqual([client.error, server.error], [undefined, undefined]);
  },

  "end: lets the other side's bytes pass by": async (bench) => {
    const [client, server] = await bench.startedPair();
    client.connection.setReading(false);
    server.connection.write([new Uint8Array(1 << 20)]);
    client.connection.write([text("last words")]);
    client.connection.end();
    await Promise.all([client.untilClosed(), server.untilClosed()]);
    deepEqual(server.bytes(), text("last words"));
    equal(client.received, 0);
    deepEqual([client.error, server.error], [undefined, undefined]);
  },

  "end: may come from both ends at once": async (bench) => {
    const [client, server] = await bench.startedPair();
    client.connection.write([text("from the client")]);
    server.connection.write([text("from the server")]);
    await Promise.all([client.untilReceived(15), server.untilReceived(15)]);
    client.connection.end();
    server.connection.end();
    await Promise.all([client.untilClosed(), server.untilClosed()]);
    deepEqual([client.error, server.error], [undefined, undefined]);
  },

  "end: delivers what arrived before, though nobody had started": async (bench) => {
    const [client, server] = await bench.pair();
    client.write([text("all of it")]);
    client.end();
    const ended = new Recorder(client);
    await ended.untilDrained();
    const late = new Recorder(server);
    await Promise.all([ended.untilClosed(), late.untilClosed()]);
    deepEqual(late.bytes(), text("all of it"));
    deepEqual([ended.error, late.error], [undefined, undefined]);
  },
};

function destroyTests(manyBytes: number): NetworkTests {
  return {
    "destroy: closes at once, without an error for the one who asked": async (bench) => {
      const [client, server] = await bench.startedPair();
      client.connection.write([new Uint8Array(manyBytes)]);
      client.connection.destroy();
      client.connection.destroy();
      equal(client.connection.bufferedBytes, 0);
      deepEqual(client.calls, []); // Never from inside a call.
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      deepEqual(client.calls, ["closed"]);
      equal(client.error, undefined);
      equal(client.connection.bufferedBytes, 0);
      equal(server.calls.filter((call) => call === "closed").length, 1);
    },

    "closed: nothing happens afterwards": async (bench) => {
      const [client, server] = await bench.startedPair();
      client.connection.destroy();
      await Promise.all([client.untilClosed(), server.untilClosed()]);
      for (const { connection, calls } of [client, server]) {
        const before = [...calls];
        connection.write([text("x")]);
        connection.setReading(false);
        connection.setReading(true);
        connection.end();
        connection.destroy();
        equal(connection.bufferedBytes, 0);
        deepEqual(calls, before);
      }
    },

    "closed: reaches a handler that started late, after the start": async (bench) => {
      const [client, server] = await bench.pair();
      client.destroy();
      await new Recorder(server).untilClosed();
      const late = new Recorder(client);
      deepEqual(late.calls, []);
      await late.untilClosed();
      deepEqual(late.calls, ["closed"]);
    },
  };
}

const listenTests: NetworkTests = {
  "listen: refuses an address that is taken, until it is free": async (bench) => {
    const first = await bench.listen(() => undefined);
    const { port } = first.address;
    ok(port > 0);
    const message = await fails(
      bench.network.listen(first.address, () => undefined),
      "ADDRESS_IN_USE",
    );
    ok(message.includes(String(port)), message);
    await first.close();
    const again = await bench.network.listen(first.address, () => undefined);
    deepEqual(again.address, first.address);
    await again.close();
  },

  "listen: stops accepting, keeps what is open, and may be closed twice": async (bench) => {
    const [client, server, listener] = await bench.startedPair();
    await listener.close();
    await listener.close();
    await fails(bench.connect(listener.address), "REFUSED");
    client.connection.write([text("still here")]);
    deepEqual(await server.untilReceived(10), text("still here"));
  },
};

/** The promise must reject with this {@link NetworkError}; its message is returned. */
async function fails(promise: Promise<unknown>, code: NetworkErrorCode): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    equal(error.code, code);
    return error.message;
  }
  throw new Error("it did not fail");
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
