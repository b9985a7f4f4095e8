import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

import { root } from "../house.mjs";

const read = (file: string): string => readFileSync(path.join(root, file), "utf8");

function markdownIn(folder: string): string[] {
  return readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.posix.join(folder, name));
}

const packages = readdirSync(path.join(root, "packages")).map((name) => `packages/${name}`);
const documents = [".", "docs", "docs/adr", ...packages].flatMap(markdownIn);

/** Markdown without its blocks of code. */
const prose = (text: string): string => text.replaceAll(/^```.*?^```$/gms, "");

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(text: string): string[] {
  return [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("every document", () => {
  it.each(documents)("%s links to what is there", (document) => {
    for (const [link, target = ""] of prose(read(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target.startsWith("https://")) continue;
      const [file = "", anchor] = target.split("#");
      const found = file === "" ? document : path.posix.join(path.dirname(document), file);
      expect(existsSync(path.join(root, found)), link).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(read(found)), link).toContain(anchor);
    }
  });

  it.each(documents)("%s names files that are there", (document) => {
    const named = /`((?:packages|examples|docs|scripts|bench)\/[\w./-]*\w)`/g;
    for (const [, file = ""] of prose(read(document)).matchAll(named)) {
      expect(existsSync(path.join(root, file)), file).toBe(true);
    }
  });

  it.each(documents)("%s names files of core that are there", (document) => {
    const named =
      /(?<![\w/-])((?:config|database|format|kv|log|machine|node|power-cut|transport)\/[\w.-]+\.ts)/g;
    for (const [, file = ""] of read(document).matchAll(named)) {
      const folder = file.endsWith(".test.ts") ? "packages/core/test" : "packages/core/src";
      expect(existsSync(path.join(root, folder, file)), file).toBe(true);
    }
  });

  it.each(documents)("%s shows TypeScript that is part of a program", (document) => {
    const text = read(document);
    const shown = [...text.matchAll(/^<!-- (\S+) -->\n\n```ts\n(.*?)\n```$/gms)];
    for (const [, file = "", code = ""] of shown)
      expect(`\n${read(file)}`).toContain(`\n${code}\n`);
    expect(shown).toHaveLength([...text.matchAll(/^```ts$/gm)].length);
  });
});
