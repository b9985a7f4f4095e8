import { describe, expect, it } from "vitest";
import { checkHistory } from "../../src/checker/check-history.ts";
import type { ForeignOperation, HistoryEvent } from "../../src/history/history.ts";
import { HistoryError } from "../../src/history/history-error.ts";
import {
  at,
  type Done,
  get,
  historyOf,
  put,
  putAll,
  saw,
  SCAN,
  scanned,
} from "../history/history-of.ts";

const WRITTEN = { type: "write" } as const;

describe("what no order explains", () => {
  const cases: readonly (readonly [name: string, history: readonly Done[]])[] = [
    [
      "a stale read",
      [
        [put("k", "1"), WRITTEN],
        [put("k", "2"), WRITTEN],
        [get("k"), saw("1")],
      ],
    ],
    [
      "a lost write",
      [
        [put("k", "1"), WRITTEN],
        [get("k"), saw(null)],
      ],
    ],
    ["a phantom value", [[get("k"), saw("1")]]],
    [
      "a failed write that is seen",
      [
        [put("k", "1"), "fail"],
        [get("k"), saw("1")],
      ],
    ],
    [
      "a value from the future",
      [
        [get("k"), saw("1")],
        [put("k", "1"), WRITTEN],
      ],
    ],
    [
      "a batch of which half is there",
      [
        [putAll({ a: "1", b: "1" }), WRITTEN],
        [get("a"), saw("1")],
        [get("b"), saw(null)],
      ],
    ],
    [
      "a batch of unknown outcome of which half is there",
      [
        [putAll({ a: "1", b: "1" }), "unknown"],
        [SCAN, scanned({ a: "1" })],
      ],
    ],
    [
      "a write that is applied twice",
      [
        [put("k", "1"), WRITTEN],
        [put("k", "2"), WRITTEN],
        [get("k"), saw("2")],
        [get("k"), saw("1")],
      ],
    ],
    [
      "a scan that misses a key",
      [
        [put("k", "1"), WRITTEN],
        [SCAN, scanned({})],
      ],
    ],
    [
      "a scan out of order",
      [
        [putAll({ a: "1", b: "1" }), WRITTEN],
        [
          SCAN,
          {
            type: "scan",
            entries: [
              ["b", "1"],
              ["a", "1"],
            ],
          },
        ],
      ],
    ],
    [
      "a scan beyond its range",
      [
        [put("x", "1"), WRITTEN],
        [{ type: "scan", from: "a", to: "c" }, scanned({ x: "1" })],
      ],
    ],
    [
      "a scan beyond its limit",
      [
        [putAll({ a: "1", b: "1" }), WRITTEN],
        [{ type: "scan", from: "a", to: "z", limit: 1 }, scanned({ a: "1", b: "1" })],
      ],
    ],
    [
      "a scan that its limit cut off too early",
      [
        [putAll({ a: "1", b: "1" }), WRITTEN],
        [{ type: "scan", from: "a", to: "z", limit: 2 }, scanned({ a: "1" })],
      ],
    ],
  ];
  it.each(cases)("refuses %s", (_name, history) => {
    const { verdict, window } = checkHistory(historyOf(...history));
    expect(verdict).toBe("not-linearizable");
    expect(window?.reason).toBe("no order of these operations explains their results");
  });
});

describe("what some order explains", () => {
  const cases: readonly (readonly [name: string, history: readonly Done[]])[] = [
    ["nothing at all", []],
    [
      "a write of unknown outcome that took effect",
      [
        [put("k", "1"), "unknown"],
        [get("k"), saw("1")],
      ],
    ],
    [
      "a write of unknown outcome that did not",
      [
        [put("k", "1"), "unknown"],
        [get("k"), saw(null)],
      ],
    ],
    [
      "a write of unknown outcome that takes effect late",
      [
        [put("k", "1"), "unknown"],
        [put("k", "2"), WRITTEN],
        [get("k"), saw("2")],
        [get("k"), saw("1")],
      ],
    ],
    [
      "a scan that its limit cut off",
      [
        [putAll({ a: "1", b: "1" }), WRITTEN],
        [{ type: "scan", from: "a", to: "z", limit: 1 }, scanned({ a: "1" })],
      ],
    ],
    [
      "a deleted key",
      [
        [put("k", "1"), WRITTEN],
        [{ type: "delete", key: "k" }, WRITTEN],
        [get("k"), saw(null)],
      ],
    ],
    [
      "the last change of a key in a batch",
      [
        [
          {
            type: "batch",
            changes: [
              { type: "put", key: "k", value: "1" },
              { type: "delete", key: "k" },
            ],
          },
          WRITTEN,
        ],
        [get("k"), saw(null)],
      ],
    ],
  ];
  it.each(cases)("accepts %s", (_name, history) => {
    expect(checkHistory(historyOf(...history))).toEqual({ verdict: "linearizable" });
  });
});

describe("what contradicts its own revisions", () => {
  const cases: readonly (readonly [reason: string, history: readonly Done[]])[] = [
    [
      "revisions go back: a write with the revision 3.1 had ended when a write began that has the revision 3.0",
      [
        [put("a", "1"), at(3, 1)],
        [put("b", "1"), at(3, 0)],
      ],
    ],
    [
      "revisions go back: a write with the revision 3.1 had ended when a write began that has the revision 3.1",
      [
        [put("a", "1"), at(3, 1)],
        [put("b", "1"), at(3, 1)],
      ],
    ],
    [
      "revisions go back: a read had seen the index 3 when a write began that has the revision 3.0",
      [
        [get("a"), saw(null, 3)],
        [put("b", "1"), at(3)],
      ],
    ],
    [
      "stale read: a write with the revision 3.0 had ended when a read began that saw only the index 2",
      [
        [put("a", "1"), at(3)],
        [get("b"), saw(null, 2)],
      ],
    ],
    [
      "reads go back: a read had seen the index 4 when a read began that saw only the index 3",
      [
        [get("a"), saw(null, 4)],
        [get("b"), saw(null, 3)],
      ],
    ],
    [
      'phantom value: at index 3 a read saw "x" at "a", which nobody ever wrote there',
      [
        [put("a", "1"), at(3)],
        [get("a"), saw("x", 3)],
      ],
    ],
    [
      'effect of a failed write: at index 3 a read saw "x" at "a", which only a write gave it that failed',
      [
        [put("a", "1"), at(3)],
        [put("a", "x"), "fail"],
        [get("a"), saw("x", 3)],
      ],
    ],
    [
      'lost write: at index 3 a read saw nil at "a", where "1" was written',
      [
        [put("a", "1"), at(3)],
        [get("a"), saw(null, 3)],
      ],
    ],
    [
      'lost write: at index 4 a read saw "1" at "a", which "2" of a later write had replaced',
      [
        [put("a", "1"), at(3)],
        [put("a", "2"), at(4)],
        [get("a"), saw("1", 4)],
      ],
    ],
    [
      'duplicate apply: at index 5 a read saw "1" at "a", which came back after it had been replaced: a write applied twice, or undone',
      [
        [put("a", "1"), at(3)],
        [put("a", "2"), at(4)],
        [get("a"), saw("2", 4)],
        [get("a"), saw("1", 5)],
      ],
    ],
    [
      'torn batch: at index 4 a read saw "1" at "b", while "a" showed the same atomic write',
      [
        [putAll({ a: "1", b: "1" }), at(3)],
        [putAll({ a: "2", b: "2" }), at(4)],
        [SCAN, scanned({ a: "2", b: "1" }, 4)],
      ],
    ],
    [
      'torn batch: at index 5 a read saw nil at "b", while "a" showed the same atomic write',
      [
        [putAll({ a: "1", b: "1" }), at(3)],
        [get("a"), saw("1", 4)],
        [get("b"), saw(null, 5)],
      ],
    ],
    [
      'torn batch: at index 4 a read saw nil at "b", while "a" showed the same atomic write',
      [
        [putAll({ a: "1", b: "1" }), "unknown"],
        [SCAN, scanned({ a: "1" }, 4)],
      ],
    ],
    [
      'lost write: at index 4 a read saw nil at "a", where "1" was written',
      [
        [put("a", "1"), WRITTEN],
        [get("b"), saw(null, 3)],
        [get("a"), saw(null, 4)],
      ],
    ],
  ];
  it.each(cases)("names it: %s", (reason, history) => {
    const { verdict, window } = checkHistory(historyOf(...history));
    expect(verdict).toBe("not-linearizable");
    expect(window?.reason).toBe(reason);
  });

  it("names two concurrent writes with one revision", () => {
    const history: HistoryEvent[] = [
      { type: "invoke", id: 1, process: 1, time: 0, operation: put("a", "1") },
      { type: "invoke", id: 2, process: 2, time: 0, operation: put("b", "1") },
      { type: "ok", id: 1, process: 1, time: 0, result: at(3) },
      { type: "ok", id: 2, process: 2, time: 0, result: at(3) },
    ];
    expect(checkHistory(history).window).toMatchObject({
      reason: "two writes have the revision 3.0",
      operations: [1, 2],
    });
  });

  it("names a value that a later write brings", () => {
    const history: HistoryEvent[] = [
      { type: "invoke", id: 1, process: 1, time: 0, operation: put("a", "1") },
      { type: "invoke", id: 2, process: 2, time: 0, operation: get("a") },
      { type: "ok", id: 2, process: 2, time: 0, result: saw("1", 2) },
      { type: "ok", id: 1, process: 1, time: 0, result: at(3) },
    ];
    expect(checkHistory(history).window?.reason).toBe(
      'value from the future: at index 2 a read saw "1" at "a", where nothing was written yet',
    );
  });

  it("lets no write of unknown outcome take effect twice", () => {
    // Its other key shows it at index 3, so that it does not stand behind 4.
    const { window } = checkHistory(
      historyOf(
        [putAll({ a: "x", b: "x" }), "unknown"],
        [get("b"), saw("x", 3)],
        [put("a", "1"), at(4)],
        [get("a"), saw("x", 5)],
      ),
    );
    expect(window?.reason).toBe(
      'lost write: at index 5 a read saw "x" at "a", which "1" of a later write had replaced',
    );
  });
});

describe("writes of unknown outcome", () => {
  it("need not have taken effect where another one wrote what was seen", () => {
    const history = historyOf(
      [putAll({ a: "x", b: "x" }), "unknown"],
      [put("a", "x"), "unknown"],
      [get("a"), saw("x")],
      [get("b"), saw(null)],
    );
    expect(checkHistory(history)).toEqual({ verdict: "linearizable" });
  });

  it("are not seen at an index that had passed when they began", () => {
    const history: HistoryEvent[] = [
      { type: "invoke", id: 1, process: 1, time: 0, operation: get("a") },
      { type: "invoke", id: 2, process: 2, time: 0, operation: put("b", "1") },
      { type: "ok", id: 2, process: 2, time: 0, result: at(5) },
      { type: "invoke", id: 3, process: 2, time: 0, operation: put("a", "x") },
      { type: "ok", id: 1, process: 1, time: 0, result: saw("x", 3) },
    ];
    expect(checkHistory(history).window?.reason).toBe(
      'value from the future: at index 3 a read saw "x" at "a", where nothing was written yet',
    );
  });
});

describe("the window", () => {
  it("holds what contradicts itself, and not what came long before", () => {
    const before = Array.from({ length: 20 }, (_, i): Done => [put("k", `before ${i}`), WRITTEN]);
    const history = historyOf(
      ...before,
      [put("k", "1"), WRITTEN],
      [put("other", "1"), WRITTEN],
      [get("k"), saw("before 3")],
      [put("k", "2"), WRITTEN],
    );
    expect(checkHistory(history).window).toEqual({
      reason: "no order of these operations explains their results",
      from: 40,
      to: 45,
      operations: [21, 23],
      essential: [21, 23],
      order: expect.arrayContaining([1, 21]) as number[],
      states: ['k="1"'],
    });
  });
});

describe("what cannot be judged", () => {
  it("says undecided where the steps do not suffice, and never anything false", () => {
    const history = historyOf([put("k", "1"), WRITTEN], [get("k"), saw("1")]);
    expect(checkHistory(history, { maxSteps: 1 })).toEqual({ verdict: "undecided" });
    expect(checkHistory(history, { maxSteps: 10 })).toEqual({ verdict: "linearizable" });
  });

  it("lets a replay that explains everything decide where the steps do not suffice", () => {
    const history = historyOf([put("k", "1"), at(1)], [get("k"), saw("1", 1)]);
    expect(checkHistory(history, { maxSteps: 1 })).toEqual({ verdict: "linearizable" });
  });

  it("refuses operations that the model does not have", () => {
    const history = historyOf([get("k"), saw(null)], [SCAN, scanned({})]);
    const check = (): unknown => checkHistory(history, { model: "register" });
    expect(check).toThrow(HistoryError);
    expect(check).toThrow("model (register) has no operation (scan) (event 2)");
  });

  it("takes what a missing key reads as from its caller", () => {
    const history = historyOf([get("k"), saw("")]);
    expect(checkHistory(history, { missing: "" }).verdict).toBe("linearizable");
    expect(checkHistory(history).verdict).toBe("not-linearizable");
  });

  it("compares and sets", () => {
    const cas = (expected: string | null, value: string): ForeignOperation => {
      return { type: "compareAndSet", key: "", expected, value };
    };
    const events = (read: string): HistoryEvent<ForeignOperation>[] => [
      { type: "invoke", id: 1, process: 1, time: 0, operation: cas(null, "1") },
      { type: "ok", id: 1, process: 1, time: 0, result: WRITTEN },
      { type: "invoke", id: 2, process: 1, time: 0, operation: cas("2", "3") },
      { type: "unknown", id: 2, process: 1, time: 0 },
      { type: "invoke", id: 3, process: 1, time: 0, operation: get("") },
      { type: "ok", id: 3, process: 1, time: 0, result: saw(read) },
    ];
    expect(checkHistory(events("1"), { model: "register" }).verdict).toBe("linearizable");
    expect(checkHistory(events("3"), { model: "register" }).verdict).toBe("not-linearizable");
  });
});
