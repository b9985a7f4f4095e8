// `npm run quickstart [-- FILE.ndjson --key FIELD]`: from a fresh clone to a running cluster.
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { build, install, root, say } from "./house.mjs";

const program = path.join(root, "examples", "three-nodes", "dist", "main.js");

if (!install() || !build()) {
  process.exitCode = 1;
} else if (!existsSync(program)) {
  console.error(`the build left no ${program}`);
  process.exitCode = 1;
} else {
  say("Run: examples/three-nodes");
  // In this very process, so that Ctrl-C and a terminal's size reach the example as they are.
  process.argv[1] = program;
  await import(pathToFileURL(program).href);
}
