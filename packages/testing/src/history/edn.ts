import { HistoryError, type HistoryPlace } from "./history-error.ts";

/** A keyword, without its colon, or a symbol. */
export interface EdnKeyword {
  readonly keyword: string;
}

/** What EDN can say, as far as histories need it: vectors, lists and sets are arrays, tags are dropped. */
export type EdnValue =
  | null
  | string
  | number
  | boolean
  | EdnKeyword
  | readonly EdnValue[]
  | ReadonlyMap<string, EdnValue>;

/** `Array.isArray`, for arrays that are not to be changed. */
export function isList(value: EdnValue | undefined): value is readonly EdnValue[] {
  return Array.isArray(value);
}

/** A value, and where it begins. */
export interface EdnForm {
  readonly value: EdnValue;
  readonly line: number;
  /** Of a vector, a list or a set: what is in it. */
  readonly parts: readonly EdnForm[];
}

const CLOSING: Readonly<Record<string, string>> = { "{": "}", "[": "]", "(": ")" };
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
/** White space, commas and comments. */
const SPACE = /(?:[\s,]|;[^\n]*)*/y;
const TOKEN = /[^\s,;"()[\]{}]+/y;
const STRING = /"((?:[^"\\]|\\[^])*)"/y;
/** Deeper than any history goes, and far from the end of the stack. */
const MAX_DEPTH = 100;

/** Reads the values of a text, at most `limit` of them. The place is that of its beginning, for errors. */
export function readEdn(
  text: string,
  { file, line }: HistoryPlace,
  limit: number = Infinity,
): EdnForm[] {
  return new EdnReader(text, file, line).all(limit);
}

class EdnReader {
  readonly #text: string;
  readonly #file: string;
  #line: number;
  #at = 0;
  /** What is directly in the outermost brackets that are being read. */
  #parts: EdnForm[] = [];

  constructor(text: string, file: string, line: number) {
    this.#text = text;
    this.#file = file;
    this.#line = line;
  }

  all(limit: number): EdnForm[] {
    const forms: EdnForm[] = [];
    while (forms.length < limit) {
      this.#skip(SPACE);
      if (this.#at === this.#text.length) break;
      const line = this.#line;
      this.#parts = [];
      const value = this.#read(0);
      const parts = isList(value) ? this.#parts : [];
      if (value !== undefined) forms.push({ value, line, parts });
    }
    return forms;
  }

  /** `undefined`: a value that is to be discarded. */
  #read(depth: number): EdnValue | undefined {
    if (depth > MAX_DEPTH) throw this.#error("too many brackets");
    const next = this.#text.charAt(this.#at);
    switch (next) {
      case "{":
        return this.#map(this.#sequence(next, depth));
      case "[":
      case "(":
        return this.#sequence(next, depth);
      case '"':
        return this.#string();
      case "#":
        return this.#dispatch(depth);
      default:
        return this.#atom();
    }
  }

  #sequence(opening: string, depth: number): EdnValue[] {
    const closing = CLOSING[opening];
    this.#at += 1;
    const values: EdnValue[] = [];
    for (;;) {
      this.#skip(SPACE);
      if (this.#at === this.#text.length) throw this.#error(`${opening} without ${closing ?? ""}`);
      if (this.#text.charAt(this.#at) === closing) {
        this.#at += 1;
        return values;
      }
      const line = this.#line;
      const value = this.#read(depth + 1);
      if (value === undefined) continue;
      values.push(value);
      if (depth === 0) this.#parts.push({ value, line, parts: [] });
    }
  }

  #map(values: readonly EdnValue[]): ReadonlyMap<string, EdnValue> {
    if (values.length % 2 !== 0) throw this.#error("a map with a key without a value");
    const map = new Map<string, EdnValue>();
    for (let at = 0; at < values.length; at += 2) {
      const key = values[at] ?? null;
      const name =
        key !== null && typeof key === "object" && "keyword" in key
          ? key.keyword
          : JSON.stringify(key);
      map.set(name, values[at + 1] ?? null);
    }
    return map;
  }

  /** A set, something to discard, or a tag before a value: what it tags is all that counts here. */
  #dispatch(depth: number): EdnValue | undefined {
    this.#at += 1;
    if (this.#text.charAt(this.#at) === "{") return this.#sequence("{", depth);
    const isDiscard = this.#text.charAt(this.#at) === "_";
    if (isDiscard) this.#at += 1;
    else this.#token();
    this.#skip(SPACE);
    if (this.#at === this.#text.length) throw this.#error("# without a value");
    const value = this.#read(depth + 1);
    return isDiscard ? undefined : value;
  }

  #string(): string {
    const raw = this.#match(STRING);
    if (raw === undefined) throw this.#error("a text without end");
    return raw
      .slice(1, -1)
      .replace(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (_, code: string | undefined, one: string) =>
        code === undefined ? (ESCAPES[one] ?? one) : String.fromCharCode(parseInt(code, 16)),
      );
  }

  #atom(): EdnValue {
    const token = this.#token();
    if (token === "nil") return null;
    if (token === "true" || token === "false") return token === "true";
    if (/^[+-]?\d+N?$/.test(token) || /^[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?M?$/.test(token)) {
      const number = Number(token.replace(/[NM]$/, ""));
      // What a number cannot hold exactly stays the text that it is.
      return Number.isInteger(number) && !Number.isSafeInteger(number) ? token : number;
    }
    return { keyword: token.replace(/^:/, "") };
  }

  #token(): string {
    const token = this.#match(TOKEN);
    if (token === undefined) throw this.#error(`unexpected ${this.#text.charAt(this.#at)}`);
    return token;
  }

  #skip(pattern: RegExp): void {
    this.#match(pattern);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match === undefined) return undefined;
    this.#at += match.length;
    this.#line += match.split("\n").length - 1;
    return match;
  }

  #error(problem: string): HistoryError {
    return new HistoryError("SYNTAX", problem, { file: this.#file, line: this.#line });
  }
}
