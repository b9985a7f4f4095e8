/**
 * What the root commands share. A fresh clone runs them before anything is installed, so they use
 * nothing but Node itself; pnpm comes through npx, in the version that package.json pins.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's top folder; every command runs there, wherever it was called from. */
export const root = fileURLToPath(new URL("..", import.meta.url));

const onWindows = process.platform === "win32";

/** @type {NodeJS.ProcessEnv} */
const environment = {
  ...process.env,
  PATH: [path.join(root, "node_modules", ".bin"), process.env["PATH"]].join(path.delimiter),
  TURBO_TELEMETRY_DISABLED: "1",
  // Turbo asks the programs it runs for colours even where nobody sees them.
  ...(process.stdout.isTTY ? {} : { NO_COLOR: "1" }),
};

/**
 * Says what happens now.
 *
 * @param {string} text
 */
export function say(text) {
  console.log(`\n==> ${text}`);
}

/**
 * Runs a command in the foreground.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {boolean} whether it succeeded
 */
export function run(command, args) {
  const options = { cwd: root, env: environment, stdio: /** @type {const} */ ("inherit") };
  // Windows starts npm's commands, which are batch files, only through a shell.
  const result = spawnSync(command, args, { ...options, shell: onWindows });
  if (result.error !== undefined) console.error(`${command}: ${result.error.message}`);
  return result.status === 0;
}

/**
 * Runs pnpm, whether or not the machine has it.
 *
 * @param {readonly string[]} args
 * @returns {boolean} whether it succeeded
 */
export function pnpm(args) {
  const { packageManager } = readManifest(".");
  const [name, version] = packageManager.split("@");
  const caller = process.env["npm_config_user_agent"] ?? "";
  if (caller.startsWith(`${name}/${version} `)) return run("pnpm", args);
  // The pinned version never changes: once fetched, the registry need not be asked again.
  return run("npx", ["--yes", "--prefer-offline", packageManager, ...args]);
}

/**
 * The folders of the workspace's packages, as pnpm-workspace.yaml names them.
 *
 * @returns {string[]} relative to the root, sorted
 */
export function workspaces() {
  const parents = ["packages", "examples"].filter((parent) => existsSync(path.join(root, parent)));
  const members = parents.flatMap((parent) =>
    readdirSync(path.join(root, parent)).map((member) => `${parent}/${member}`),
  );
  return [...members, "bench", "scripts"]
    .filter((folder) => existsSync(path.join(root, folder, "package.json")))
    .sort();
}

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} packageManager only in the root's
 * @property {Record<string, string>} [scripts]
 */

/**
 * @param {string} folder
 * @returns {Manifest}
 */
export function readManifest(folder) {
  /** @type {unknown} */
  const manifest = JSON.parse(readFileSync(path.join(root, folder, "package.json"), "utf8"));
  return /** @type {Manifest} */ (manifest);
}

/** Everything that decides what an install puts into node_modules, as one hash. */
function installFingerprint() {
  const hash = createHash("sha256").update(
    `${process.platform} ${process.arch} ${process.version}`,
  );
  const manifests = [".", ...workspaces()].map((folder) => path.join(folder, "package.json"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests]) {
    hash.update(`\n${file}\n`).update(readFileSync(path.join(root, file)));
  }
  return hash.digest("hex");
}

const stamp = path.join(root, "node_modules", ".installed");

/** Whether node_modules is what the last install of these manifests and this lockfile left. */
export function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === installFingerprint();
}

/** Installs what the lockfile says, or does nothing when the last install did just that. */
export function install() {
  if (isInstalled()) {
    say("Install: node_modules is up to date with the lockfile.");
    return true;
  }
  say("Install: fetching what pnpm-lock.yaml names (once; pnpm itself comes through npx).");
  if (!pnpm(["install", "--frozen-lockfile"])) return false;
  writeFileSync(stamp, installFingerprint());
  return true;
}

/** Compiles what is published or run; what did not change since the last build is left alone. */
export function build() {
  say("Build: compiling every package (incremental).");
  return run("tsc", ["-b"]);
}

/** Compiles, and type-checks the tests and the scripts as well. */
export function buildAndCheckTypes() {
  say("Types: compiling every package, checking tests and scripts (incremental).");
  return run("tsc", ["-b", "tsconfig.json", "tsconfig.check.json"]);
}
