import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { checkHistory } from "../../src/checker/check-history.ts";
import { parseHistory } from "../../src/history/parse-history.ts";

const folder = new URL("../../../../../shared/porcupine/", import.meta.url);
const file = new URL("verdicts.json", folder);
const isThere = existsSync(file);
const verdicts = isThere
  ? Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, boolean>)
  : [];

// The histories are data of others, read where they lie beside the repository, and not part of it.
describe.skipIf(!isThere)("recorded histories whose verdicts are known", () => {
  it.each(verdicts)("%s is linearizable: %s", (name, expected) => {
    const history = parseHistory(readFileSync(new URL(name, folder), "utf8"), name);
    const { verdict } = checkHistory(history.events, history);
    expect(verdict).toBe(expected ? "linearizable" : "not-linearizable");
  });
});
