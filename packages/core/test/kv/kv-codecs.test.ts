import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchCommand,
  clearCommand,
  decodeCommand,
  KIND_BATCH,
  KIND_CLEAR,
  KIND_DELETE,
  KIND_PUT,
  putCommand,
} from "../../src/kv/kv-commands.ts";
import { decodeMeta, encodeMeta } from "../../src/kv/meta-codec.ts";
import {
  readValueHeader,
  userValue,
  valueHeaderBytes,
  writeValueHeader,
  type ValueHeader,
} from "../../src/kv/value-header.ts";
import { bytes } from "./machine-fixture.ts";

const safeInteger = fc.maxSafeNat();
const u32 = fc.nat(0xffff_ffff);
const revision = fc.record({ index: safeInteger, position: u32 });

describe("value header", () => {
  test("stands in front of the value, expiry and lease as they are there", () => {
    const header: fc.Arbitrary<ValueHeader> = fc.record(
      { create: revision, modify: revision, expiry: safeInteger, lease: safeInteger },
      { requiredKeys: ["create", "modify"] },
    );
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 40 }), (header, value) => {
        const stored = Buffer.alloc(valueHeaderBytes(header) + value.length, 0xee);
        stored.set(value, writeValueHeader(stored, 0, header));
        expect(readValueHeader(stored)).toEqual(header);
        expect(userValue(stored)).toEqual(Buffer.from(value));
      }),
    );
  });

  test("one that is cut short is refused, and so is one of a newer version", () => {
    const header = {
      create: { index: 1, position: 0 },
      modify: { index: 2, position: 3 },
      expiry: 4,
      lease: 5,
    };
    const stored = Buffer.alloc(valueHeaderBytes(header));
    writeValueHeader(stored, 0, header);
    for (let length = 0; length < stored.length; length++) {
      expect(() => userValue(stored.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "CORRUPT" }),
      );
    }
    for (const newer of [0x02, 0x41, 0x81]) {
      stored[0] = newer;
      expect(() => readValueHeader(stored)).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED" }),
      );
    }
  });

  test("has the layout that docs/formats.md gives it", () => {
    const header = {
      create: { index: 0x0102, position: 3 },
      modify: { index: 0x0405, position: 6 },
      expiry: 7,
      lease: 8,
    };
    const stored = Buffer.alloc(valueHeaderBytes(header));
    writeValueHeader(stored, 0, header);
    expect(stored.toString("hex")).toBe(
      "31" +
        "0201000000000000" +
        "03000000" +
        "0504000000000000" +
        "06000000" +
        "0700000000000000" +
        "0800000000000000",
    );
  });
});

describe("commands", () => {
  test("of a known kind with any body are read or refused, but never throw", () => {
    const kind = fc.constantFrom(KIND_PUT, KIND_DELETE, KIND_BATCH, KIND_CLEAR);
    // Small numbers in front, so that lengths and counts are often possible.
    const body = fc
      .array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 2, KIND_PUT, KIND_DELETE), fc.nat(255)), {
        maxLength: 40,
      })
      .map((body) => Buffer.from(body));
    fc.assert(
      fc.property(kind, body, (kind, body) => {
        expect(decodeCommand({ kind, body }).type).toMatch(/^(put|delete|batch|clear|malformed)$/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("cut short anywhere they are malformed", () => {
    const whole = [
      batchCommand([
        { type: "put", key: bytes("key"), value: bytes("value") },
        { type: "delete", key: bytes("other") },
      ]),
      clearCommand({ gt: bytes("a"), lte: bytes("b"), limit: 3 }),
    ];
    for (const { kind, body } of whole) {
      expect(decodeCommand({ kind, body }).type).not.toBe("malformed");
      for (let length = 0; length < body.length; length++) {
        const cut = { kind, body: body.subarray(0, length) };
        expect(decodeCommand(cut).type).toBe("malformed");
      }
      const longer = { kind, body: Buffer.concat([body, Buffer.from([0])]) };
      expect(decodeCommand(longer).type).toBe("malformed");
    }
    const put = putCommand(bytes("key"), bytes("")).body;
    for (let length = 0; length < put.length; length++) {
      expect(decodeCommand({ kind: KIND_PUT, body: put.subarray(0, length) }).type).toBe(
        "malformed",
      );
    }
  });

  test("of an unknown kind are an error, not an answer", () => {
    expect(() => decodeCommand({ kind: 0x44, body: Buffer.alloc(0) })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED" }),
    );
  });

  test("a clear of a newer kind of flags or an impossible revision is malformed", () => {
    const { kind, body } = clearCommand({ before: { index: 1, position: 2 } });
    const flags = Buffer.from(body);
    flags[0] = 0x20;
    expect(decodeCommand({ kind, body: flags }).type).toBe("malformed");
    const revision = Buffer.from(body);
    revision.fill(0xff, 5, 13);
    expect(decodeCommand({ kind, body: revision }).type).toBe("malformed");
  });
});

describe("meta record", () => {
  const meta = {
    index: 2 ** 53 - 3,
    term: 2 ** 31 + 1,
    logTime: 1_795_000_000_000,
    epoch: 7,
    stateHash: Uint8Array.from({ length: 32 }, (_, i) => i),
    confState: {
      voters: [1, 2 ** 40],
      learners: [3],
      votersOutgoing: [],
      learnersNext: [4],
      autoLeave: true,
    },
  };

  test("comes back as it was stored", () => {
    expect(decodeMeta(encodeMeta(meta))).toEqual(meta);
  });

  test("one that is cut short or of a newer version is refused", () => {
    const record = encodeMeta(meta);
    for (let length = 1; length < record.length; length++) {
      expect(() => decodeMeta(record.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "CORRUPT" }),
      );
    }
    record[0] = 2;
    expect(() => decodeMeta(record)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });
});
