// `pnpm check-history FILE...`: builds the checker without a word, then becomes it.
import path from "node:path";
import { pathToFileURL } from "node:url";

import { install, isInstalled, root, run } from "./house.mjs";

const program = path.join(root, "packages", "testing", "dist-programs", "check-history.js");

if ((isInstalled() || install()) && run("tsc", ["-b", "packages/testing/programs"])) {
  await import(pathToFileURL(program).href);
} else {
  process.exitCode = 2;
}
