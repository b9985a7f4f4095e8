import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const packages = fileURLToPath(new URL("packages", import.meta.url));

const config: ViteUserConfig = defineConfig({
  resolve: {
    // Tests run on the sources of every package, so that a stack trace names the line that was
    // written. A subpath `@holdfast/core/conformance` is the file src/conformance.ts.
    alias: [
      { find: /^raft-ts-lite$/, replacement: `${packages}/raft-ts-lite/src/index.ts` },
      { find: /^@holdfast\/([\w-]+)$/, replacement: `${packages}/$1/src/index.ts` },
      { find: /^@holdfast\/([\w-]+)\/([\w-]+)$/, replacement: `${packages}/$1/src/$2.ts` },
    ],
  },
  // The pattern holds from the root and, as each package re-exports this file, from the packages.
  test: { include: ["**/test/**/*.test.ts"], testTimeout: 30_000 },
});
export default config;
