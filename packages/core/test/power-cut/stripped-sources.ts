import {
  cpSync,
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

/** JavaScript of the sources, for processes of their own. */
export interface StrippedSources {
  /** Where the JavaScript of a file of this folder is. */
  program(name: string): string;
  remove(): void;
}

/**
 * A process of its own needs JavaScript: Node 20 cannot strip types, and what `tsc` built may be older than the sources. So the sources of
 * this package, of the platform and of these tests are stripped into temporary packages.
 */
export function stripSources(): StrippedSources {
  const target = mkdtempSync(join(tmpdir(), "holdfast-stripped-"));
  strip(join(packages, "platform/src"), join(target, "platform/src"));
  strip(join(packages, "core/src"), join(target, "core/src"));
  strip(join(packages, "core/test/kv"), join(target, "core/test/kv"));
  strip(join(packages, "core/test/power-cut"), join(target, "core/test/power-cut"));
  for (const name of ["platform", "core"]) {
    writeFileSync(
      join(target, name, "package.json"),
      JSON.stringify({ type: "module", exports: "./src/index.js" }),
    );
  }
  linkDependencies(join(packages, "platform/node_modules"), join(target, "platform/node_modules"));
  linkDependencies(join(packages, "core/node_modules"), join(target, "core/node_modules"));
  const platform = join(target, "core/node_modules/@holdfast/platform");
  mkdirSync(dirname(platform), { recursive: true });
  symlinkSync(join(target, "platform"), platform, "junction");
  return {
    program: (name) => join(target, "core/test/power-cut", `${name}.js`),
    remove: () => {
      rmSync(target, { recursive: true, force: true });
    },
  };
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

/** All but the packages of this repository, which come from their sources. */
function linkDependencies(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name.startsWith(".") || name === "@holdfast") continue;
    symlinkSync(join(from, name), join(to, name), "junction");
  }
}
