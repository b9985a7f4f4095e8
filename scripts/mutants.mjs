// `pnpm mutants`: builds the program that puts traps back, then becomes it.
import path from "node:path";
import { pathToFileURL } from "node:url";

import { install, isInstalled, root, run } from "./house.mjs";

const program = path.join(root, "packages", "testing", "dist-programs", "mutants.js");

if ((isInstalled() || install()) && run("tsc", ["-b", "packages/testing/programs"])) {
  await import(pathToFileURL(program).href);
} else {
  process.exitCode = 1;
}
