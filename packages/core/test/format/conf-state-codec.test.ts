import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EMPTY_CONF_STATE,
  confStateBytes,
  readConfState,
  writeConfState,
} from "../../src/format/conf-state-codec.ts";

const ids = fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 8 });
const confState = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

describe("ConfState", () => {
  it("comes back as it was written, at any offset", () => {
    fc.assert(
      fc.property(confState, fc.nat(20), (state, at) => {
        const bytes = Buffer.alloc(at + confStateBytes(state) + 3, 0xff);
        const end = writeConfState(bytes, at, state);
        expect(end).toBe(at + confStateBytes(state));
        expect(readConfState(bytes, at)).toEqual({ state, end });
      }),
    );
  });

  it("has the layout of docs/formats.md", () => {
    const state = {
      ...EMPTY_CONF_STATE,
      voters: [1],
      learnersNext: [0x1_0000_0002],
      autoLeave: true,
    };
    const bytes = Buffer.alloc(confStateBytes(state));
    writeConfState(bytes, 0, state);
    expect(bytes.toString("hex")).toBe(
      "01000000" +
        "0100000000000000" +
        "00000000" +
        "00000000" +
        "01000000" +
        "0200000001000000" +
        "01",
    );
  });

  it("is CORRUPT when it is cut short at any byte", () => {
    const state = { ...EMPTY_CONF_STATE, voters: [1, 2], votersOutgoing: [3] };
    const bytes = Buffer.alloc(confStateBytes(state));
    writeConfState(bytes, 0, state);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readConfState(bytes.subarray(0, length), 0)).toThrow(/cut short/);
    }
  });

  it("is CORRUPT when a count is absurd", () => {
    const bytes = Buffer.alloc(17);
    bytes.writeUInt32LE(0xffff_ffff, 0);
    expect(() => readConfState(bytes, 0)).toThrow(/cut short/);
  });
});
