import { prng } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { HISTORY_HEADER, type HistoryEvent } from "../../src/history/history.ts";
import { HistoryError, type HistoryErrorCode } from "../../src/history/history-error.ts";
import { pairOperations } from "../../src/history/operation.ts";
import { formatHistory } from "../../src/history/own-format.ts";
import { parseHistory } from "../../src/history/parse-history.ts";
import { HistoryRecorder } from "../../src/history/recorder.ts";
import { randomHistory } from "../checker/random-history.ts";
import { at, get, put, saw } from "./history-of.ts";

/** A line of a log of Jepsen. */
function jepsen(process: string, type: string, name: string, value: string): string {
  return `INFO  jepsen.util - ${process}\t:${type}\t:${name}\t${value}`;
}

describe("our own format", () => {
  it("reads what it writes", () => {
    const options = { processes: 4, keys: 3, values: Infinity, foreign: false, placed: 0.5 };
    for (let seed = 0; seed < 50; seed += 1) {
      const random = prng(BigInt(seed));
      const events = randomHistory(random, { ...options, operations: 30, unknown: 0.2 });
      const text = formatHistory(events as HistoryEvent[]);
      expect(parseHistory(text, "any.name").events).toEqual(events);
    }
  });

  it("keeps reasons, and passes over empty lines", () => {
    let now = 0;
    const recorder = new HistoryRecorder({ now: () => (now += 0.5) });
    recorder.fail(recorder.invoke(1, put("k", "1")), "OVERLOADED");
    recorder.unknown(recorder.invoke(1, put("k", "2")), "UNKNOWN");
    recorder.ok(recorder.invoke(1, get("k")), saw("2", 7));
    const text = formatHistory(recorder.events).replaceAll("\n", "\r\n") + "\r\n";
    const parsed = parseHistory(text, "a.jsonl");
    expect(parsed.events).toEqual(recorder.events);
    expect(parsed).toMatchObject({ format: "holdfast", model: "kv", missing: null });
    expect(parsed.placeOf(5)).toEqual({ file: "a.jsonl", line: 7 });
  });
});

describe("a recorder", () => {
  it("refuses what cannot have happened", () => {
    const recorder = new HistoryRecorder({ now: () => 0 });
    const id = recorder.invoke(1, get("k"));
    expect(() => recorder.invoke(1, get("k"))).toThrow("process (1) has an open operation");
    recorder.ok(id, saw(null));
    expect(() => {
      recorder.fail(id);
    }).toThrow("operation (1) is not open");
    expect(recorder.invoke(1, get("k"))).toBe(2);
  });
});

describe("Jepsen's log", () => {
  it("reads all shapes of its lines", () => {
    const { events, model, missing, format } = parseHistory(
      [
        "INFO  jepsen.core - Worker 0 starting",
        jepsen("0", "invoke", "read", "nil"),
        jepsen(":nemesis", "info", "start", "nil"),
        "INFO  jepsen.util - 0   :ok     :read   nil",
        jepsen("0", "invoke", "write", "-4"),
        jepsen("1", "invoke", "cas", "[3 0]"),
        jepsen("0", "ok", "write", "-4"),
        jepsen("1", "info", "cas", ":timed-out"),
        jepsen("2", "invoke", "read", "nil"),
        jepsen("2", "fail", "read", ":timed-out"),
        jepsen("2", "invoke", "cas", "[1 2]"),
        "2026-01-01 00:00:00,000 INFO  jepsen.util - 2\t:fail\t:cas\t[1 2]\terror text",
        jepsen("3", "invoke", "write", '["key" 7]'),
        jepsen("4", "invoke", "cas", "[5 [1 2]]"),
        "",
      ].join("\n"),
      "x.txt",
    );
    expect({ model, missing, format }).toEqual({
      model: "register",
      missing: null,
      format: "jepsen",
    });
    expect(events.map((event) => [event.type, event.process])).toEqual([
      ["invoke", 0],
      ["ok", 0],
      ["invoke", 0],
      ["invoke", 1],
      ["ok", 0],
      ["unknown", 1],
      ["invoke", 2],
      ["fail", 2],
      ["invoke", 2],
      ["fail", 2],
      ["invoke", 3],
      ["invoke", 4],
    ]);
    const asked = events.flatMap((event) => (event.type === "invoke" ? [event.operation] : []));
    expect(asked).toEqual([
      get(""),
      put("", "-4"),
      { type: "compareAndSet", key: "", expected: "3", value: "0" },
      get(""),
      { type: "compareAndSet", key: "", expected: "1", value: "2" },
      put("key", "7"),
      { type: "compareAndSet", key: "5", expected: "1", value: "2" },
    ]);
  });
});

describe("EDN", () => {
  const line = '{:process 0, :type :invoke, :f :append, :key "0", :value "x 0 0 y"}';
  const end = line.replace(":invoke", ":ok");

  it("reads maps one after the other, as a map of text whose missing keys are empty", () => {
    const { events, model, missing, placeOf } = parseHistory(
      `${line}\n; a comment\n${end}\n`,
      "k.txt",
    );
    expect({ model, missing }).toEqual({ model: "kv", missing: "" });
    expect(events[0]).toMatchObject({
      operation: { type: "append", key: "0", value: "x 0 0 y" },
      process: 0,
    });
    expect(events[1]).toMatchObject({ type: "ok", result: { type: "write" } });
    expect(placeOf(1)?.line).toBe(3);
  });

  it("reads vectors, tags, sets, discards, escapes, and times", () => {
    const text = `[#jepsen.history.Op{:index 0, :time 2500000, :process 1, :type :invoke, :f :write, :value "a\\"\\u0041\\n"}
      #_ {:process 9} {:process 1 :type :info :f :write :value nil :error [:timeout #{1 2}] :extra {"a" (1 2.5e3 true)}}
      {:process :nemesis, :type :info, :f :kill, :value nil}
      {:process 2, :type :invoke, :f :read, :value nil}, {:process 2, :type :ok, :f :read, :value 12345678901234567890}]`;
    const { events, model, placeOf } = parseHistory(text, "h.edn");
    expect(model).toBe("register");
    expect(events).toHaveLength(4);
    expect([0, 1, 2, 3].map((event) => placeOf(event)?.line)).toEqual([1, 2, 4, 4]);
    expect(events[0]).toMatchObject({ time: 2.5, operation: put("", 'a"A\n') });
    expect(events[3]).toMatchObject({ result: saw("12345678901234567890") });
  });
});

describe("what is refused, with file and line", () => {
  const invoke =
    '{"type":"invoke","id":1,"process":1,"time":0,"operation":{"type":"get","key":"k"}}';
  const own = (...lines: readonly string[]): string => [HISTORY_HEADER, ...lines].join("\n");
  const edn = (body: string): string => `{:process 0, :type :invoke, ${body}}`;
  const cases: readonly (readonly [message: string, code: HistoryErrorCode, text: string])[] = [
    ["f:1: not a history of any known format", "FORMAT", ""],
    ["f:1: not a history of any known format", "FORMAT", "hello"],
    [
      `f:1: first line is not ${HISTORY_HEADER}`,
      "FORMAT",
      HISTORY_HEADER.replace("history/1", "history/2"),
    ],
    ["f:3: not JSON: a line may be cut off", "SYNTAX", own(invoke, invoke.slice(0, 30))],
    [
      "f:2: operation.key: Invalid input: expected string, received undefined",
      "SYNTAX",
      own(invoke.replace(',"key":"k"', "")),
    ],
    [
      'f:2: operation: Unrecognized key: "kex"',
      "SYNTAX",
      own(invoke.replace('"key":"k"', '"key":"k","kex":1')),
    ],
    [
      "f:2: process: Invalid input: expected int, received number",
      "SYNTAX",
      own(invoke.replace('"process":1', '"process":1.5')),
    ],
    [
      "f:1: not an operation (INFO  jepsen.util - 0\t:invoke)",
      "SYNTAX",
      "INFO  jepsen.util - 0\t:invoke",
    ],
    ["f:1: not a process (x)", "SYNTAX", jepsen("x", "invoke", "read", "nil")],
    ["f:1: unknown operation (jump)", "SYNTAX", jepsen("0", "invoke", "jump", "nil")],
    [
      "f:1: not a value of an operation (write)",
      "SYNTAX",
      jepsen("0", "invoke", "write", "[1 2 3]"),
    ],
    ["f:1: not a value of an operation (write)", "SYNTAX", jepsen("0", "invoke", "write", "nil")],
    ["f:1: not a value of an operation (cas)", "SYNTAX", jepsen("0", "invoke", "cas", "7")],
    ["f:1: a text without end", "SYNTAX", jepsen("0", "invoke", "write", '"a')],
    [
      "f:1: answer to an operation that process (0) has not open",
      "SEQUENCE",
      jepsen("0", "ok", "read", "1"),
    ],
    [
      "f:2: process (0) begins an operation while one is open",
      "SEQUENCE",
      `${jepsen("0", "invoke", "read", "nil")}\n${jepsen("0", "invoke", "read", "nil")}`,
    ],
    [
      "f:2: process (0) has a (get) open, but this answers a (put)",
      "SEQUENCE",
      `${jepsen("0", "invoke", "read", "nil")}\n${jepsen("0", "ok", "write", "1")}`,
    ],
    ["f:1: no :f", "SYNTAX", edn(":value 1")],
    ["f:1: no :process", "SYNTAX", "{:type :invoke}"],
    ["f:1: unknown :type (lost)", "SYNTAX", "{:process 0, :type :lost, :f :read}"],
    ["f:2: not a map", "SYNTAX", `${edn(":f :read, :value nil")}\n7`],
    ["f:1: { without }", "SYNTAX", "{:process 0"],
    ["f:2: unexpected }", "SYNTAX", `${edn(":f :read")}\n}`],
    ["f:1: a map with a key without a value", "SYNTAX", "{:process}"],
    ["f:1: too many brackets", "SYNTAX", `{:process ${"[".repeat(200)}`],
    ["f:1: # without a value", "SYNTAX", "{:process 0} #_"],
  ];
  it.each(cases)("%s", (message, code, text) => {
    let caught: unknown;
    try {
      parseHistory(text, "f");
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(HistoryError);
    expect(caught).toMatchObject({ message, code, file: "f", line: Number(message.split(":")[1]) });
  });

  it("tells by the name of a file what its damaged beginning does not", () => {
    expect(() => parseHistory(invoke, "a.jsonl")).toThrow(
      `a.jsonl:1: first line is not ${HISTORY_HEADER}`,
    );
    expect(() => parseHistory("7", "a.edn")).toThrow("a.edn:1: not a map");
  });
});

describe("events that do not fit together", () => {
  const invoke = (id: number, process: number): HistoryEvent => {
    return { type: "invoke", id, process, time: 0, operation: get("k") };
  };
  const ok = (id: number, process: number): HistoryEvent => {
    return { type: "ok", id, process, time: 0, result: saw(null) };
  };
  const cases: readonly (readonly [message: string, events: readonly HistoryEvent[]])[] = [
    ["f:2: operation (1) begins twice (event 1)", [invoke(1, 1), invoke(1, 2)]],
    [
      "f:2: process (1) begins an operation while one is open (event 1)",
      [invoke(1, 1), invoke(2, 1)],
    ],
    ["f:1: answer to an operation (1) that process (1) has not open (event 0)", [ok(1, 1)]],
    [
      "f:2: answer to an operation (1) that process (2) has not open (event 1)",
      [invoke(1, 1), ok(1, 2)],
    ],
    [
      "f:3: answer to an operation (1) that process (1) has not open (event 2)",
      [invoke(1, 1), ok(1, 1), ok(1, 1)],
    ],
    [
      "f:2: a get answered with a result of type (write) (event 1)",
      [invoke(1, 1), { type: "ok", id: 1, process: 1, time: 0, result: at(1) }],
    ],
  ];
  it.each(cases)("%s", (message, events) => {
    expect(() => pairOperations(events, (index) => ({ file: "f", line: index + 1 }))).toThrow(
      message,
    );
  });
});
