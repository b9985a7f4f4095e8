import { parseEdnHistory } from "./edn-history.ts";
import type { HistoryFormat, ParsedHistory } from "./event-builder.ts";
import { HistoryError } from "./history-error.ts";
import { JEPSEN_LINE, parseJepsenLog } from "./jepsen-log.ts";
import { isOwnHeader, parseOwnHistory } from "./own-format.ts";

/**
 * Reads a history. Its format is told by what it holds, or else by the end of the file's name: `.jsonl` and `.ndjson` are ours, `.log` is Jepsen's, `.edn` and
 * `.txt` hold EDN maps. Throws a {@link HistoryError} with file and line for what cannot be read, and for what cannot have happened: an answer
 * to nothing, or two open operations of one process.
 */
export function parseHistory(text: string, file: string): ParsedHistory {
  const content = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = content.split(/\r?\n/);
  switch (formatOf(file, content, lines)) {
    case "holdfast":
      return parseOwnHistory(file, lines);
    case "jepsen":
      return parseJepsenLog(file, lines);
    case "edn":
      return parseEdnHistory(file, content);
    case undefined:
      throw new HistoryError("FORMAT", "not a history of any known format", { file, line: 1 });
  }
}

function formatOf(
  file: string,
  content: string,
  lines: readonly string[],
): HistoryFormat | undefined {
  if (content.trim() === "") return undefined;
  if (isOwnHeader(lines[0] ?? "")) return "holdfast";
  if (lines.some((line) => JEPSEN_LINE.test(line))) return "jepsen";
  if (/^(?:[\s,]|;[^\n]*)*[[({#]?\s*(?:\{\s*:|#\S+\s*\{\s*:)/.test(content)) return "edn";
  if (/\.(?:jsonl|ndjson)$/.test(file)) return "holdfast";
  if (/\.(?:edn|txt)$/.test(file)) return "edn";
  return undefined;
}
