import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (name: string): string =>
  fileURLToPath(new URL(`packages/${name}/src/index.ts`, import.meta.url));

// Tests run on the sources of every package, so that a stack trace names the line that was written.
export const alias = {
  "raft-ts-lite": source("raft-ts-lite"),
  "@holdfast/platform": source("platform"),
  "@holdfast/core": source("core"),
};

export default defineConfig({
  resolve: { alias },
  test: { include: ["packages/*/test/**/*.test.ts"], testTimeout: 30_000 },
});
