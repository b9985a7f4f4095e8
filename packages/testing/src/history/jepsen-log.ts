import { readEdn } from "./edn.ts";
import { EventBuilder, eventTypeOf, type ParsedHistory } from "./event-builder.ts";
import { foreignLine } from "./foreign-line.ts";
import { HistoryError } from "./history-error.ts";

/** A line of Jepsen's log: who, what became of the operation, the operation, its value and whatever follows it. */
const LINE = /jepsen\.util\s+-\s+(\S+)\s+:(invoke|ok|fail|info)\s+:([^\s]+)(?:\s+(.*))?$/;

/** What every such line holds, whatever else. */
export const JEPSEN_LINE: RegExp = /jepsen\.util\s+-\s/;

/**
 * Reads the log of a Jepsen test of a register. Lines of other parts of Jepsen, and those of processes without a number (the nemesis), are
 * passed over.
 */
export function parseJepsenLog(file: string, lines: readonly string[]): ParsedHistory {
  const builder = new EventBuilder();
  for (const [at, text] of lines.entries()) {
    if (!JEPSEN_LINE.test(text)) continue;
    const place = { file, line: at + 1 };
    const match = LINE.exec(text.trimEnd());
    // What a nemesis says may be anything; a damaged operation must not be lost in silence.
    if (match === null) {
      if (/-\s+:/.test(text)) continue;
      throw new HistoryError("SYNTAX", `not an operation (${text.trim()})`, place);
    }
    const [, process = "", type = "", name = "", rest = ""] = match;
    if (process.startsWith(":")) continue;
    if (!/^\d+$/.test(process)) {
      throw new HistoryError("SYNTAX", `not a process (${process})`, place);
    }
    const [value] = rest === "" ? [null] : readEdn(rest, place, 1).map((form) => form.value);
    const line = { name, type: eventTypeOf(type), key: undefined, value: value ?? null };
    builder.add({ ...foreignLine(line, place), process: Number(process), time: at + 1, place });
  }
  return builder.parsed("jepsen", { model: "register", missing: null });
}
