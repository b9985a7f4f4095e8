import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

// The world is injected (docs/architecture.md): what a node touches of it comes in through
// @holdfast/platform, so that the simulator can run the production code. The bans below hold in the
// src of every other package; each message names the replacement.

const CLOCK = "take a Clock from @holdfast/platform.";
const TURN = "take a TurnScheduler from @holdfast/platform.";
const RANDOM = "take a Random from @holdfast/platform.";
const DISK = "take a Disk from @holdfast/platform.";
const NETWORK = "take a Network from @holdfast/platform.";
const WORKER = "threads belong to @holdfast/platform; take what runs on one (Disk) from it.";
const PROCESS = "processes belong to the cli and the examples.";

/** Node modules that touch the world, by what stands in for them. */
const worldModules = {
  [CLOCK]: ["timers", "timers/promises", "perf_hooks"],
  [DISK]: ["fs", "fs/promises"],
  [NETWORK]: ["net", "tls", "dgram", "dns", "dns/promises", "http", "https", "http2"],
  [WORKER]: ["worker_threads"],
  [PROCESS]: ["child_process", "cluster"],
};

const randomnessOfCrypto = [
  "getRandomValues",
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
  "webcrypto",
];

const timeAndTurnGlobals = [
  ...["setTimeout", "setInterval", "clearTimeout", "clearInterval", "performance"].map((name) => ({
    name,
    message: CLOCK,
  })),
  ...["setImmediate", "clearImmediate"].map((name) => ({ name, message: TURN })),
];

const randomGlobals = [{ name: "crypto", message: RANDOM }];

const networkGlobals = ["fetch", "WebSocket"].map((name) => ({ name, message: NETWORK }));

const timeAndRandomProperties = [
  { object: "Date", property: "now", message: CLOCK },
  { object: "process", property: "hrtime", message: CLOCK },
  { object: "process", property: "uptime", message: CLOCK },
  { object: "process", property: "nextTick", message: TURN },
  { object: "AbortSignal", property: "timeout", message: CLOCK },
  { object: "Math", property: "random", message: RANDOM },
  { object: "process", property: "getBuiltinModule", message: "import it, so that it is seen." },
];

/**
 * Both spellings of a module, `fs` and `node:fs`.
 *
 * @param {string} name
 */
const spellings = (name) => [name, `node:${name}`];

const worldImports = [
  ...Object.entries(worldModules).flatMap(([message, names]) =>
    names.flatMap(spellings).map((name) => ({ name, message })),
  ),
  ...spellings("crypto").map((name) => ({
    name,
    importNames: ["default", ...randomnessOfCrypto],
    message: RANDOM,
  })),
  ...spellings("process").map((name) => ({
    name,
    importNames: ["default", "hrtime", "nextTick", "uptime"],
    message: CLOCK,
  })),
];

/** `new Date(…)`, `Date()`, and `import("fs")`, which no-restricted-imports does not see. */
const worldSyntax = [
  { selector: "NewExpression[callee.name='Date']", message: CLOCK },
  { selector: "CallExpression[callee.name='Date']", message: CLOCK },
  ...Object.entries(worldModules).map(([message, names]) => ({
    selector: `ImportExpression[source.value=/^(node:)?(${names.join("|").replaceAll("/", "\\u002F")})$/]`,
    message,
  })),
];

const TICKS = "count ticks; raft-ts-lite has no clock.";
const PRNG = "take a Prng; raft-ts-lite has no randomness of its own.";
const SYNC = "raft-ts-lite is stepped synchronously; effects leave through Ready.";
const PURE = "raft-ts-lite imports nothing but its own files.";
const LOCALE = "the answer depends on the machine's locale; compare code units.";

export default defineConfig(
  globalIgnores(["**/dist/", "**/dist-*/", "**/coverage/", "**/.reports/", "**/.api/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // The compiler knows better, for JavaScript too.
      "no-undef": "off",
      "no-fallthrough": "off",
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", 70],
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
    },
  },
  {
    files: ["packages/*/src/**"],
    ignores: ["packages/platform/src/**", "packages/raft-ts-lite/src/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        {
          globals: [...timeAndTurnGlobals, ...randomGlobals, ...networkGlobals],
          checkGlobalObject: true,
        },
      ],
      "no-restricted-properties": ["error", ...timeAndRandomProperties],
      "no-restricted-imports": "off",
      "@typescript-eslint/no-restricted-imports": ["error", { paths: worldImports }],
      "no-restricted-syntax": ["error", ...worldSyntax],
    },
  },
  {
    // The algorithm is deterministic by construction: the same steps give the same Ready everywhere.
    files: ["packages/raft-ts-lite/src/**"],
    rules: {
      // Indexes, terms and ids are safe integers; bit operators cut them to 32 bits.
      "no-bitwise": "error",
      "no-restricted-globals": [
        "error",
        {
          globals: [
            ...["Date", "performance", "setInterval", "setTimeout"].map((name) => ({
              name,
              message: TICKS,
            })),
            { name: "crypto", message: PRNG },
            ...["Promise", "process", "queueMicrotask", "setImmediate", "fetch"].map((name) => ({
              name,
              message: SYNC,
            })),
            { name: "Intl", message: LOCALE },
            ...["FinalizationRegistry", "WeakRef"].map((name) => ({
              name,
              message: "what garbage collection does is not deterministic.",
            })),
          ],
          checkGlobalObject: true,
        },
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: PRNG },
        { property: "localeCompare", message: LOCALE },
        { property: "toLocaleString", message: LOCALE },
      ],
      "@typescript-eslint/no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^(?!\\./)", message: PURE }] },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: ":function[async=true]", message: SYNC },
        { selector: "TSTypeReference[typeName.name=/^Promise/]", message: SYNC },
        { selector: "AwaitExpression", message: SYNC },
        { selector: "ForOfStatement[await=true]", message: SYNC },
        { selector: "ImportExpression", message: PURE },
      ],
    },
  },
  {
    files: ["**/test/**"],
    rules: {
      // A describe block is one function, and a fake implements a promise without awaiting.
      "max-lines-per-function": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "no-restricted-properties": [
        "error",
        { object: "vi", property: "mock", message: "write a fake by hand and pass it in." },
        { object: "vi", property: "useFakeTimers", message: "pass a Clock of your own." },
      ],
    },
  },
  {
    files: [
      "bench/**",
      "examples/**",
      "scripts/**",
      "packages/cli/**",
      "packages/raft-ts-lite/scenario/**",
      "packages/testing/{programs,chaos}/**",
    ],
    rules: { "no-console": "off" },
  },
  {
    files: ["**/*.js", "**/*.cjs", "**/*.config.ts"],
    extends: [tseslint.configs.disableTypeChecked],
  },
);
