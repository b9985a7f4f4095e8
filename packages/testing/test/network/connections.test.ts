import { describe, expect, it } from "vitest";
import { Bench, Ear } from "./bench.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const broken = { name: "NetworkError", code: "CLOSED" };

describe("a cut one way", () => {
  it("holds bytes back until it heals", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.blockOneWay(1, 2);
    near.connection.write([text("waits")]);
    far.connection.write([text("passes")]);
    await bench.pass(500);
    expect([near.bytes.toString(), far.bytes.toString()]).toEqual(["passes", ""]);
    bench.network.heal();
    await bench.pass(500);
    expect(far.bytes.toString()).toBe("waits");
    await bench.pass(60_000);
    expect([near.isClosed, far.isClosed]).toEqual([false, false]);
  });

  it("holds back what was on its way when it came", async () => {
    const bench = new Bench();
    bench.network.faults.everyLink({ delayMinMs: 100, delayMeanMs: 100 });
    const [near, far] = await bench.pair();
    near.connection.write([text("caught")]);
    await bench.pass(50);
    bench.network.isolate(1);
    await bench.pass(500);
    expect(far.bytes.length).toBe(0);
    bench.network.heal();
    await bench.pass(500);
    expect(far.bytes.toString()).toBe("caught");
  });

  it("breaks the connection when it lasts, first for the one who sends", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.blockOneWay(1, 2);
    near.connection.write([text("never arrives")]);
    await bench.pass(999);
    expect(near.isClosed).toBe(false);
    await bench.pass(7_001);
    expect(near.error).toMatchObject({ ...broken, cause: { message: "ETIMEDOUT" } });
    bench.network.heal();
    await bench.pass(30_000);
    expect(far.bytes.length).toBe(0);
    expect(far.error).toMatchObject(broken);
  });

  it("breaks it also when only the acknowledgements are lost", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.faults.link(2, 1, { blocked: true });
    near.connection.write([text("arrives")]);
    await bench.pass(8_100);
    expect(far.bytes.toString()).toBe("arrives");
    expect(near.error).toMatchObject(broken);
  });

  it("swallows a reset, which nobody sends again", async () => {
    const outcomes = new Set<boolean>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const bench = new Bench(seed);
      const [near, far] = await bench.pair();
      bench.network.isolate(1);
      near.connection.destroy();
      await bench.pass(100);
      bench.network.heal();
      await bench.pass(1_000);
      outcomes.add(far.isClosed);
    }
    expect([...outcomes].sort()).toEqual([false, true]);
  });

  it("of a host that lost its power keeps nothing for later", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.isolate(1);
    near.connection.write([text("sent again by nobody")]);
    bench.kill(1, { silent: true });
    bench.network.heal();
    await bench.pass(1_000);
    expect(far.bytes.length).toBe(0);
  });

  it("leaves the window full, and empties it when it heals", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.blockOneWay(2, 1);
    near.connection.write([new Uint8Array(4 << 20)]);
    await bench.pass(500);
    expect(near.connection.bufferedBytes).toBeGreaterThan(2 << 20);
    bench.network.heal();
    await bench.pass(500);
    expect(near.connection.bufferedBytes).toBe(0);
    expect(far.bytes.length).toBe(4 << 20);
  });
});

describe("cuts", () => {
  async function reaches(bench: Bench, from: number, to: number): Promise<boolean> {
    const [near, far] = await bench.pair(from, to);
    near.connection.write([text("?")]);
    await bench.pass(10);
    return far.bytes.length > 0;
  }

  it("separate groups, leave hosts in none alone, add up, and heal together", async () => {
    const bench = new Bench();
    const ways = [1, 2, 3, 4].flatMap((from) =>
      [1, 2, 3, 4].filter((to) => to !== from).map((to) => [from, to] as const),
    );
    const ears = new Map<string, [Ear, Ear]>();
    for (const [from, to] of ways) ears.set(`${from}${to}`, await bench.pair(from, to));
    const passing = async (): Promise<string[]> => {
      for (const [near, far] of ears.values()) {
        near.connection.write([text("?")]);
        far.forget();
      }
      await bench.pass(10);
      return [...ears].filter(([, [, far]]) => far.bytes.length > 0).map(([way]) => way);
    };
    expect(await passing()).toHaveLength(12);
    bench.network.partition([[1], [2, 3]]);
    expect(await passing()).toEqual(["14", "23", "24", "32", "34", "41", "42", "43"]);
    bench.network.blockOneWay(4, 1);
    expect(await passing()).toEqual(["14", "23", "24", "32", "34", "42", "43"]);
    bench.network.isolate(3);
    expect(await passing()).toEqual(["14", "24", "42"]);
    bench.network.heal();
    await bench.pass(500);
    expect(await passing()).toHaveLength(12);
  });

  it("separate no host from itself", async () => {
    const bench = new Bench();
    bench.network.isolate(1);
    bench.network.quarantine(2);
    expect([await reaches(bench, 1, 1), await reaches(bench, 2, 2)]).toEqual([true, true]);
  });

  it("of a quarantine do not heal", async () => {
    const bench = new Bench();
    bench.network.quarantine(2);
    bench.network.heal();
    expect(await reaches(bench, 1, 3)).toBe(true);
    await expect(bench.pair(1, 2)).rejects.toMatchObject({ code: "TIMEOUT" });
  });
});

describe("a process that is gone", () => {
  it("is noticed by its peers when its kernel can say so", async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const bench = new Bench(seed);
      const [, far] = await bench.pair();
      bench.kill(1, { silent: false });
      await bench.pass(100);
      expect(far.isClosed).toBe(true);
    }
  });

  it("has sent what had left it, unless its kernel resets the connection", async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const bench = new Bench(seed);
      const [near, far] = await bench.pair();
      near.connection.write([text("last words")]);
      bench.kill(1, { silent: false });
      await bench.pass(100);
      outcomes.add(`${far.bytes.toString()} ${far.error === undefined ? "ended" : "reset"}`);
    }
    expect([...outcomes].sort()).toEqual([" reset", "last words ended"]);
  });

  it("hears nothing any more, and nothing of it is heard", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    far.connection.write([text("too late")]);
    bench.kill(1, { silent: true });
    near.connection.write([text("from beyond")]);
    await bench.pass(1_000);
    expect(near.calls).toEqual([]);
    expect(far.bytes.length).toBe(0);
  });

  it("is not noticed after a loss of power until somebody writes and the host is back", async () => {
    const bench = new Bench();
    const [, far] = await bench.pair();
    bench.kill(1, { silent: true });
    await bench.pass(1_000);
    expect(far.isClosed).toBe(false);
    bench.start(1);
    await bench.pass(1_000);
    expect(far.isClosed).toBe(false);
    far.connection.write([text("?")]);
    await bench.pass(100);
    expect(far.error).toMatchObject({ ...broken, cause: { message: "ECONNRESET" } });
  });

  it("is given up by a writer when its host does not come back", async () => {
    const bench = new Bench();
    const [, far] = await bench.pair();
    bench.kill(1, { silent: true });
    far.connection.write([text("?")]);
    await bench.pass(8_100);
    expect(far.error).toMatchObject({ ...broken, cause: { message: "ETIMEDOUT" } });
  });

  it("is given up in the end by those who only listen", async () => {
    const bench = new Bench();
    const [, far] = await bench.pair();
    bench.kill(1, { silent: true });
    await bench.pass(4_900);
    expect(far.isClosed).toBe(false);
    await bench.pass(15_200);
    expect(far.error).toMatchObject(broken);
    expect(bench.network.shown.get("keep-alive-limit")).toBe(1);
  });

  it("frees its ports", async () => {
    const bench = new Bench();
    const address = { host: "10.0.0.1", port: 7000 };
    await bench.host(1).listen(address, () => undefined);
    bench.kill(1, { silent: false });
    const again = await bench.start(1).listen(address, () => undefined);
    expect(again.address).toEqual(address);
  });
});

describe("a handler", () => {
  it("hears nothing more once it has destroyed its connection", async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const bench = new Bench(seed);
      const [near, far] = await bench.pair();
      const heard = far.data.bind(far);
      far.data = (bytes) => {
        heard(bytes);
        far.connection.destroy();
      };
      bench.process(2).pause();
      for (let write = 0; write < 5; write += 1) near.connection.write([text("x")]);
      await bench.pass(10);
      bench.process(2).resume();
      await bench.pass(10);
      expect(far.pieces).toBe(1);
      expect(far.calls).toEqual(["data", "closed"]);
    }
  });

  it("may change what it received: the sender's bytes stay", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    far.data = (bytes) => bytes.fill(0);
    const sent = text("mine");
    near.connection.write([sent]);
    await bench.pass(10);
    expect(sent).toEqual(text("mine"));
  });
});

describe("a paused process", () => {
  it("reads later, and its sender comes to a halt", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.process(2).pause();
    const size = 8 << 20;
    near.connection.write([new Uint8Array(size)]);
    await bench.pass(30_000);
    expect(far.calls).toEqual([]);
    expect(near.connection.bufferedBytes).toBeGreaterThan(size - (2 << 20));
    bench.process(2).resume();
    await bench.pass(100);
    expect(far.bytes.length).toBe(size);
    expect(near.calls).toEqual(["drained"]);
  });

  it("is connected with by its kernel, and accepts when it goes on", async () => {
    const bench = new Bench();
    const ears: Ear[] = [];
    const listener = await bench.host(2).listen({ host: "10.0.0.2", port: 0 }, (connection) => {
      ears.push(new Ear(bench.world, connection));
    });
    bench.process(2).pause();
    const connecting = bench.host(1).connect(listener.address, { timeoutMs: 1_000 });
    const connection = await bench.until(connecting);
    connection.write([text("hello")]);
    await bench.pass(100);
    expect(ears).toEqual([]);
    bench.process(2).resume();
    await bench.pass(100);
    expect(ears[0]?.bytes.toString()).toBe("hello");
  });
});

describe("connect", () => {
  const options = { timeoutMs: 3_000 };

  it("is refused where nobody listens: on a running host, and on one whose process died", async () => {
    const bench = new Bench();
    const address = { host: "10.0.0.2", port: 7000 };
    bench.start(2);
    const refused = { name: "NetworkError", code: "REFUSED" };
    await expect(bench.until(bench.host(1).connect(address, options))).rejects.toMatchObject(
      refused,
    );
    expect(bench.world.now).toBeGreaterThan(0);
    expect(bench.world.now).toBeLessThan(100);
    await bench.host(2).listen(address, () => undefined);
    bench.kill(2, { silent: false });
    await expect(bench.until(bench.host(1).connect(address, options))).rejects.toMatchObject(
      refused,
    );
  });

  it.each<[string, (bench: Bench) => void]>([
    ["no such host", () => undefined],
    [
      "power lost",
      (bench) => {
        bench.start(2);
        bench.kill(2, { silent: true });
      },
    ],
    [
      "cut there",
      (bench) => {
        bench.start(2);
        bench.network.blockOneWay(1, 2);
      },
    ],
    [
      "cut back",
      (bench) => {
        bench.start(2);
        bench.network.blockOneWay(2, 1);
      },
    ],
  ])("times out: %s", async (_, prepare) => {
    const bench = new Bench();
    prepare(bench);
    const connecting = bench.host(1).connect({ host: "10.0.0.2", port: 7000 }, options);
    await expect(bench.until(connecting)).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(bench.world.now).toBeCloseTo(3_000);
  });

  it("succeeds when the cut heals in time", async () => {
    const bench = new Bench();
    const address = { host: "10.0.0.2", port: 7000 };
    await bench.host(2).listen(address, (connection) => {
      new Ear(bench.world, connection);
    });
    bench.network.isolate(2);
    const connecting = bench.host(1).connect(address, options);
    await bench.pass(1_500);
    bench.network.heal();
    const connection = await bench.until(connecting);
    expect(connection.remote).toBe("10.0.0.2:7000");
    expect(bench.world.now).toBeGreaterThan(2_000);
  });

  it("gives up an answer that comes too late, and says so to the other side", async () => {
    const bench = new Bench();
    const ears: Ear[] = [];
    const { address } = await bench.host(2).listen({ host: "10.0.0.2", port: 0 }, (connection) => {
      ears.push(new Ear(bench.world, connection));
    });
    bench.network.faults.everyLink({ delayMinMs: 100, delayMeanMs: 100 });
    const connecting = bench.host(1).connect(address, { timeoutMs: 150 });
    await expect(bench.until(connecting)).rejects.toMatchObject({ code: "TIMEOUT" });
    await bench.pass(1_000);
    expect(ears.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  it("is reset when the listener closes before it accepts", async () => {
    const bench = new Bench();
    let accepted = 0;
    const listener = await bench.host(2).listen({ host: "10.0.0.2", port: 0 }, () => {
      accepted += 1;
    });
    bench.process(2).pause();
    const near = new Ear(
      bench.world,
      await bench.until(bench.host(1).connect(listener.address, options)),
    );
    await listener.close();
    bench.process(2).resume();
    await bench.pass(100);
    expect([near.isClosed, accepted]).toEqual([true, 0]);
  });

  it("refuses addresses that cannot be", async () => {
    const bench = new Bench();
    const invalid = { name: "NetworkError", code: "ADDRESS_INVALID" };
    const network = bench.host(1);
    for (const address of [
      { host: "somewhere", port: 1 },
      { host: "10.0.0.2", port: 70_000 },
      { host: "10.0.0.2", port: Number.NaN },
    ]) {
      await expect(network.connect(address, options)).rejects.toMatchObject(invalid);
      await expect(network.listen(address, () => undefined)).rejects.toMatchObject(invalid);
    }
    const elsewhere = { host: "10.0.0.2", port: 1 };
    await expect(network.listen(elsewhere, () => undefined)).rejects.toMatchObject(invalid);
  });
});

describe("a link", () => {
  it("delays by at least its least delay, and on average by its mean", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.faults.link(1, 2, { delayMinMs: 2, delayMeanMs: 10 });
    let sum = 0;
    for (let round = 0; round < 500; round += 1) {
      const before = bench.world.now;
      near.connection.write([text("x")]);
      await bench.pass(300);
      sum += (far.arrivals.at(-1) ?? 0) - before;
    }
    expect(sum / 500).toBeGreaterThan(9);
    expect(sum / 500).toBeLessThan(11);
  });

  it("has a bandwidth, which connections share", async () => {
    const bench = new Bench();
    const [one, other] = [await bench.pair(), await bench.pair()];
    bench.network.faults.link(1, 2, { bytesPerMs: 100 });
    const start = bench.world.now;
    for (const [near] of [one, other]) near.connection.write([new Uint8Array(5_000)]);
    await bench.pass(1_000);
    expect((one[1].arrivals.at(-1) ?? 0) - start).toBeGreaterThan(50);
    expect((other[1].arrivals.at(-1) ?? 0) - start).toBeGreaterThan(100);
    expect((other[1].arrivals.at(-1) ?? 0) - start).toBeLessThan(120);
  });

  it("resets connections, for both ends", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.faults.link(1, 2, { resetProbability: 0.05 });
    for (let round = 0; round < 200 && !near.isClosed; round += 1) {
      near.connection.write([text("x")]);
      await bench.pass(5);
    }
    expect([near.error, far.error]).toMatchObject([broken, broken]);
    expect(bench.network.shown).toEqual(new Map([["connection-reset", 1]]));
  });

  it("is calm again when told so", async () => {
    const bench = new Bench();
    const [near, far] = await bench.pair();
    bench.network.faults.everyLink({ blocked: true });
    bench.network.faults.link(1, 2, { delayMinMs: 1_000, delayMeanMs: 1_000 });
    near.connection.write([text("x")]);
    await bench.pass(100);
    bench.network.faults.calm();
    near.connection.write([text("y")]);
    await bench.pass(1_500);
    expect(far.bytes.toString()).toBe("xy");
  });
});

it("ends a connection with an error when the other side does not take the rest in time", async () => {
  const bench = new Bench();
  const [near, far] = await bench.pair();
  far.connection.setReading(false);
  near.connection.write([new Uint8Array(4 << 20)]);
  near.connection.end();
  await bench.pass(5_100);
  expect(near.error).toMatchObject(broken);
  await bench.pass(100);
  expect(far.error).toMatchObject(broken);
});
