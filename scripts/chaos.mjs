// `pnpm chaos`: builds the members and the program that torments them, then becomes it.
import path from "node:path";
import { pathToFileURL } from "node:url";

import { install, isInstalled, root, run } from "./house.mjs";

const program = path.join(root, "packages", "testing", "dist-chaos", "main.js");

if ((isInstalled() || install()) && run("tsc", ["-b", "packages/testing/chaos"])) {
  await import(pathToFileURL(program).href);
} else {
  process.exitCode = 1;
}
