import { type EdnForm, type EdnValue, isList, readEdn } from "./edn.ts";
import { EventBuilder, eventTypeOf, type ParsedHistory } from "./event-builder.ts";
import { foreignLine, scalar } from "./foreign-line.ts";
import { HistoryError, type HistoryPlace } from "./history-error.ts";

const TYPES: ReadonlySet<string> = new Set(["invoke", "ok", "fail", "info"]);
/** What registers can do: a history with any other operation is one of a map. */
const REGISTER_NAMES: ReadonlySet<string> = new Set(["read", "write", "cas"]);

/** Reads a history of EDN maps with `:process`, `:type`, `:f`, `:value` and perhaps `:key` and `:time`: one after the other, or in one vector. */
export function parseEdnHistory(file: string, text: string): ParsedHistory {
  const builder = new EventBuilder();
  let isRegister = true;
  for (const { value, line } of operations(file, text)) {
    const place = { file, line };
    if (!(value instanceof Map)) throw new HistoryError("SYNTAX", "not a map", place);
    const map = value as ReadonlyMap<string, EdnValue>;
    const process = map.get("process");
    if (process === undefined) throw new HistoryError("SYNTAX", "no :process", place);
    // The nemesis and its like are no clients.
    if (typeof process !== "number") continue;
    const name = keywordOf(map, "f", place);
    isRegister &&= REGISTER_NAMES.has(name);
    const type = keywordOf(map, "type", place);
    if (!TYPES.has(type)) throw new HistoryError("SYNTAX", `unknown :type (${type})`, place);
    const key = scalar(map.get("key")) ?? undefined;
    const event = { name, type: eventTypeOf(type), key, value: map.get("value") ?? null };
    const nanoseconds = map.get("time");
    const time = typeof nanoseconds === "number" ? nanoseconds / 1e6 : line;
    builder.add({ ...foreignLine(event, place), process, time, place });
  }
  return builder.parsed(
    "edn",
    isRegister ? { model: "register", missing: null } : { model: "kv", missing: "" },
  );
}

/** The maps, whether or not there is one vector around all of them. */
function operations(file: string, text: string): readonly EdnForm[] {
  const forms = readEdn(text, { file, line: 1 });
  const [only] = forms;
  return forms.length === 1 && only !== undefined && isList(only.value) ? only.parts : forms;
}

function keywordOf(map: ReadonlyMap<string, EdnValue>, name: string, place: HistoryPlace): string {
  const text = scalar(map.get(name));
  if (text === undefined || text === null) throw new HistoryError("SYNTAX", `no :${name}`, place);
  return text.replace(/^:/, "");
}
