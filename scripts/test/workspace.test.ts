import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { describe, expect, it } from "vitest";

import { readManifest, root, workspaces } from "../house.mjs";

/** The folders that a solution file builds or checks, relative to the root. */
function references(solution: string): string[] {
  const { references } = JSON.parse(readFileSync(path.join(root, solution), "utf8")) as {
    references: { path: string }[];
  };
  return references.map((reference) => path.posix.normalize(reference.path));
}

const has = (...parts: string[]) => existsSync(path.join(root, ...parts));

const scriptsOf = (folder: string) => readManifest(folder).scripts ?? {};

// A package that is missing from one of these lists would be left out of the gate without a word.
describe("the gate sees every package", () => {
  it.each(workspaces().filter((folder) => has(folder, "src")))("builds %s", (folder) => {
    expect(references("tsconfig.json")).toContain(folder);
    expect(scriptsOf(folder)).toMatchObject({ build: "tsc -b" });
  });

  it.each(workspaces().filter((folder) => has(folder, "test")))(
    "runs the tests of %s",
    (folder) => {
      const checked = folder === "scripts" ? folder : `${folder}/test`;
      expect(references("tsconfig.check.json")).toContain(checked);
      expect(scriptsOf(folder)["test"]).toContain("--outputFile.json=.reports/tests.json");
    },
  );

  it.each(workspaces().filter((folder) => folder.startsWith("packages/")))(
    "checks the boundaries, API and artefact of %s",
    (folder) => {
      const { forbidden } = createRequire(import.meta.url)("../../.dependency-cruiser.cjs") as {
        forbidden: { name: string }[];
      };
      expect(forbidden.map(({ name }) => name)).toContain(`arrow-${path.basename(folder)}`);
      expect(scriptsOf(folder)).toHaveProperty("check:api");
      expect(scriptsOf(folder)).toHaveProperty("check:pack");
      expect(has(folder, "test")).toBe(true);
    },
  );
});
