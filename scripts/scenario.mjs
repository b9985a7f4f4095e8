// `pnpm scenario PATH…`: builds the scenario runner without a word, then becomes it.
import path from "node:path";
import { pathToFileURL } from "node:url";

import { install, isInstalled, root, run } from "./house.mjs";

const runner = path.join(root, "packages", "raft-ts-lite", "dist-scenario", "scenario", "main.js");

if ((isInstalled() || install()) && run("tsc", ["-b", "packages/raft-ts-lite/scenario"])) {
  await import(pathToFileURL(runner).href);
} else {
  process.exitCode = 1;
}
