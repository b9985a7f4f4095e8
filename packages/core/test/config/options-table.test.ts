import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { presets } from "../../src/config/presets.ts";
import { resolveSettings } from "../../src/config/resolve.ts";

const document = readFileSync(new URL("../../../../docs/operations.md", import.meta.url), "utf8");

/** Not plain values: the table describes them in words. */
const IN_WORDS = [
  "preset",
  "directory",
  "id",
  "listen",
  "advertise",
  "cluster.name",
  "cluster.members",
  "replication.replicationFactor",
];

const UNITS: Readonly<Record<string, number>> = { "": 1, ms: 1, KiB: 1_024, MiB: 1_048_576 };

/** The rows below the line of dashes of the table whose head begins with `column`. */
function rowsOf(column: string): string[][] {
  const table = new RegExp(`^\\| ${column} .*\\n\\|[-| ]+\\n((?:\\|.*\\n)+)`, "m").exec(document);
  const rows = table?.[1]?.trimEnd().split("\n") ?? [];
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

/** "64 MiB" → 67108864, "1,000 ms" → 1000, "false" → false. */
function valueOf(cell: string): unknown {
  if (cell === "true" || cell === "false") return cell === "true";
  const [, digits, unit] = /^([\d,]+) ?(|ms|KiB|MiB)$/.exec(cell) ?? [];
  if (digits === undefined || unit === undefined) return cell;
  return Number(digits.replaceAll(",", "")) * (UNITS[unit] ?? NaN);
}

/** `{ a: { b: 1 } }` → `[["a.b", 1]]`. */
function leaves(value: object, path = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? leaves(inner, `${path}${key}.`)
      : [[`${path}${key}`, inner] satisfies [string, unknown]],
  );
}

test("docs/operations.md lists every option with its default", () => {
  const resolved = resolveSettings({
    directory: "./data",
    id: 1,
    cluster: { name: "orders", members: [{ id: 1, address: "127.0.0.1:7001" }] },
  });
  const rows = rowsOf("Option");
  const known = [...leaves(resolved).map(([key]) => key), "preset"];
  expect(rows.map(([key]) => key).sort()).toEqual(known.sort());
  const plain = leaves(resolved).filter(([key]) => !IN_WORDS.includes(key));
  const documented = new Map(rows.map(([key, value]) => [key, valueOf(value ?? "")]));
  for (const [key, value] of plain) expect([key, documented.get(key)]).toEqual([key, value]);
  for (const [key, , why] of rows) expect(why, key).not.toBe("");
});

test("docs/operations.md lists what each preset sets", () => {
  const documented = rowsOf("Preset").map(([preset, key, value]) => [
    `${preset ?? ""}.${key ?? ""}`,
    valueOf(value ?? ""),
  ]);
  expect(documented).toEqual(leaves(presets));
});
