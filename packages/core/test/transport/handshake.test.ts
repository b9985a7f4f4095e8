import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import {
  commonProtocol,
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  type Hello,
  judgeHello,
  judgeWelcome,
  PROTOCOL,
} from "../../src/transport/handshake.ts";
import { WireError } from "../../src/transport/wire-error.ts";

const CLUSTER = Uint8Array.from({ length: 16 }, (_, i) => i);
const SELF = { clusterId: CLUSTER, nodeId: 1, incarnation: 77 };
const HELLO: Hello = {
  protocol: PROTOCOL,
  role: "peer",
  clusterId: CLUSTER,
  nodeId: 2,
  incarnation: Number.MAX_SAFE_INTEGER,
  amnesiac: true,
  features: ["one", "two"],
  address: "[::1]:7001",
};
const packr = new Packr({ useRecords: false });

function raw(fields: unknown): Buffer {
  return Buffer.concat([Buffer.from("HOLDFAST"), packr.pack(fields)]);
}

const fields = {
  ...HELLO,
  protocol: [1, 1],
};

test("a hello arrives as it was sent", () => {
  expect(decodeHello(encodeHello(HELLO))).toEqual(HELLO);
});

test("a refusal arrives as it was sent", () => {
  const refusal = { code: "REMOVED", message: "node (2) was removed" } as const;
  expect(decodeRefusal(encodeRefusal(refusal))).toEqual(refusal);
});

test("fields of a later version are ignored", () => {
  expect(decodeHello(raw({ ...fields, zone: "b" }))).toEqual(HELLO);
});

test("the two sides take the highest version that both speak", () => {
  const range = (lowest: number, highest: number): Hello["protocol"] => ({ lowest, highest });
  expect(commonProtocol(range(1, 3), range(2, 5))).toBe(3);
  expect(commonProtocol(range(2, 5), range(1, 3))).toBe(3);
  expect(commonProtocol(range(1, 1), range(1, 1))).toBe(1);
  expect(commonProtocol(range(1, 1), range(2, 3))).toBeUndefined();
});

describe("a malformed introduction", () => {
  test.each<[string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["a stranger's protocol", Buffer.from("GET / HTTP/1.1\r\n")],
    ["no MessagePack behind the name", Buffer.from("HOLDFAST\xc1", "latin1")],
    ["no map", raw([1, 2])],
    ["a missing field", raw({ ...fields, nodeId: undefined })],
    ["a cluster id of the wrong length", raw({ ...fields, clusterId: CLUSTER.subarray(1) })],
    ["a cluster id that is text", raw({ ...fields, clusterId: "x".repeat(16) })],
    ["node id nobody", raw({ ...fields, nodeId: 0 })],
    ["a node id that is reserved", raw({ ...fields, nodeId: Number.MAX_SAFE_INTEGER })],
    ["a node id beyond 2^53", raw({ ...fields, nodeId: 2 ** 60 })],
    ["an incarnation beyond 2^53", raw({ ...fields, incarnation: 2n ** 60n })],
    ["an incarnation with a fraction", raw({ ...fields, incarnation: 0.5 })],
    ["a protocol that is no range", raw({ ...fields, protocol: 1 })],
    ["features without end", raw({ ...fields, features: Array(65).fill("x") })],
    ["an address without end", raw({ ...fields, address: "x".repeat(513) })],
  ])("%s is refused with a typed error", (_, body) => {
    expect(() => decodeHello(body)).toThrow(WireError);
  });

  test("arrays that claim a lot reserve no memory", () => {
    const bomb = Buffer.from("HOLDFAST" + "\xdd\x01\xff\xff\xff".repeat(800), "latin1");
    const before = process.memoryUsage().heapTotal;
    expect(() => decodeHello(bomb)).toThrow(WireError);
    expect(process.memoryUsage().heapTotal - before).toBeLessThan(64 * 1024 * 1024);
  });

  test("an unknown refusal code is malformed", () => {
    expect(() => decodeRefusal(raw({ code: "MOOD", message: "" }))).toThrow(WireError);
  });

  test("random bytes throw nothing but WireError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, named) => {
        const body = named ? Buffer.concat([Buffer.from("HOLDFAST"), bytes]) : Buffer.from(bytes);
        expect(() => decodeHello(body)).toThrow(WireError);
        expect(() => decodeRefusal(body)).toThrow(WireError);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a damaged hello throws nothing but WireError", () => {
    const good = encodeHello(HELLO);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = Uint8Array.from(good);
        bytes[at] = value;
        try {
          decodeHello(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("judgement", () => {
  test("a peer of the same cluster is not refused", () => {
    expect(judgeHello(HELLO, SELF)).toBeUndefined();
    expect(judgeHello({ ...HELLO, role: "snapshot" }, SELF)).toBeUndefined();
    expect(judgeWelcome({ ...HELLO, nodeId: 2 }, SELF, 2)).toBeUndefined();
  });

  test.each([
    ["PROTOCOL", { protocol: { lowest: 2, highest: 3 } }],
    ["ROLE", { role: "client" }],
    ["ROLE", { role: "admin" }],
    ["ROLE", { role: "poet" }],
    ["CLUSTER_MISMATCH", { clusterId: new Uint8Array(16) }],
    ["NODE_MISMATCH", { nodeId: 1 }],
  ])("%s: %j", (code, change) => {
    expect(judgeHello({ ...HELLO, ...change }, SELF)?.code).toBe(code);
  });

  test.each([
    ["PROTOCOL", { protocol: { lowest: 2, highest: 3 } }],
    ["CLUSTER_MISMATCH", { clusterId: new Uint8Array(16) }],
    ["NODE_MISMATCH", { nodeId: 3 }],
  ])("a welcome is judged as well: %s", (code, change) => {
    expect(judgeWelcome({ ...HELLO, ...change }, SELF, 2)?.code).toBe(code);
  });
});
