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

/** JavaScript of the sources, for processes of their own. */
export interface StrippedSources {
  /** Where the JavaScript of a program is, e.g. `power-cut/writer`. */
  program(name: string): string;
  remove(): void;
}

/**
 * A process of its own needs JavaScript: Node 20 cannot strip types, and what `tsc` built may be older than the sources. So the sources of
 * this package, of those that it builds on and of the given folders of tests are stripped into temporary packages.
 */
export function stripSources(...folders: readonly string[]): StrippedSources {
  const target = mkdtempSync(join(tmpdir(), "holdfast-stripped-"));
  for (const name of ["raft-ts-lite", "platform", "core"]) {
    strip(join(packages, name, "src"), join(target, name, "src"));
    const manifest = JSON.stringify({ type: "module", exports: "./src/index.js" });
    writeFileSync(join(target, name, "package.json"), manifest);
    linkDependencies(join(packages, name, "node_modules"), join(target, name, "node_modules"));
  }
  for (const folder of folders) {
    strip(join(packages, "core/test", folder), join(target, "core/test", folder));
  }
  const platform = join(target, "core/node_modules/@holdfast/platform");
  mkdirSync(dirname(platform), { recursive: true });
  symlinkSync(join(target, "platform"), platform, "junction");
  symlinkSync(
    join(target, "raft-ts-lite"),
    join(target, "core/node_modules/raft-ts-lite"),
    "junction",
  );
  return {
    program: (name) => join(target, "core/test", `${name}.js`),
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
  if (!existsSync(from)) return;
  for (const name of readdirSync(from)) {
    if (name.startsWith(".") || name === "@holdfast" || name === "raft-ts-lite") continue;
    symlinkSync(join(from, name), join(to, name), "junction");
  }
}
