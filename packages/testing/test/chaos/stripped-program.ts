import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const packages = fileURLToPath(new URL("../../../", import.meta.url));

/** What the program consists of, and how each part is called by the others. */
const PARTS = [
  { folder: "raft-ts-lite", name: "raft-ts-lite", sources: ["src"], subpaths: [] },
  { folder: "platform", name: "@holdfast/platform", sources: ["src"], subpaths: [] },
  { folder: "core", name: "@holdfast/core", sources: ["src"], subpaths: ["inspection"] },
  {
    folder: "testing",
    name: "@holdfast/testing",
    sources: ["src", "chaos"],
    subpaths: ["history"],
  },
] as const;

/**
 * JavaScript of the sources of `pnpm chaos`, for processes of their own: Node 20 cannot strip types, and what `tsc` built may be older
 * than the sources. Returns the folder that holds a folder for each package; who asked for it removes it.
 */
export function stripProgram(): string {
  const target = mkdtempSync(join(tmpdir(), "holdfast-stripped-"));
  try {
    for (const { folder, name, sources, subpaths } of PARTS) {
      for (const source of sources) {
        strip(join(packages, folder, source), join(target, folder, source));
      }
      const exports = Object.fromEntries([
        [".", "./src/index.js"],
        ...subpaths.map((path) => [`./${path}`, `./src/${path}.js`]),
      ]) as Record<string, string>;
      const manifest = JSON.stringify({ name, type: "module", exports });
      writeFileSync(join(target, folder, "package.json"), manifest);
      linkDependencies(target, folder);
    }
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    throw error;
  }
  return target;
}

function strip(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(from, entry.name);
    if (entry.isDirectory()) strip(path, join(to, entry.name));
    else if (!entry.name.endsWith(".ts")) cpSync(path, join(to, entry.name));
    else {
      const { outputText } = ts.transpileModule(readFileSync(path, "utf8"), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.ESNext,
          rewriteRelativeImportExtensions: true,
        },
      });
      writeFileSync(join(to, entry.name.replace(/ts$/, "js")), outputText);
    }
  }
}

/** Those of the registry as they are installed; those of this repository from their stripped sources. */
function linkDependencies(target: string, folder: string): void {
  const installed = join(packages, folder, "node_modules");
  const links = join(target, folder, "node_modules");
  mkdirSync(join(links, "@holdfast"), { recursive: true });
  for (const part of PARTS) {
    if (part.folder !== folder)
      symlinkSync(join(target, part.folder), join(links, part.name), "junction");
  }
  // raft-ts-lite depends on nothing.
  if (!existsSync(installed)) return;
  const scopes = readdirSync(installed).filter((name) => !name.startsWith("."));
  for (const name of scopes) {
    if (name === "@holdfast" || name === "raft-ts-lite") continue;
    mkdirSync(dirname(join(links, name)), { recursive: true });
    symlinkSync(join(installed, name), join(links, name), "junction");
  }
}
