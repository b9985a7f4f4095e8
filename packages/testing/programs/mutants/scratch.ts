import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Mutant } from "./manifest.ts";
import { applyChange } from "./patch.ts";

/** What the tests and the simulator need of the repository. */
const COPIED = [
  "packages",
  "package.json",
  "tsconfig.base.json",
  "tsconfig.noemit.json",
  "vitest.config.ts",
];
/** Caches and reports: of no use to the copy, and the largest part of some packages. */
const LEFT_OUT = /\/(?:\.vite(?:-temp)?|\.turbo|\.reports)$/;

/** A copy of the repository in which code may be broken. It borrows the installed packages of the original. */
export class Scratch {
  readonly root: string;
  /** The sound text of the files that are changed now. */
  readonly #sound = new Map<string, string>();

  constructor(repository: string) {
    this.root = mkdtempSync(path.join(tmpdir(), "holdfast-mutants-"));
    for (const name of COPIED) {
      cpSync(path.join(repository, name), path.join(this.root, name), {
        recursive: true,
        // The packages find each other through links that are relative, and so stay inside the copy.
        verbatimSymlinks: true,
        // The compiler takes what is younger than its output for changed.
        preserveTimestamps: true,
        filter: (source) => !LEFT_OUT.test(source),
      });
    }
    symlinkSync(path.join(repository, "node_modules"), path.join(this.root, "node_modules"));
  }

  /** Puts a trap back. Throws, with nothing changed, when the patch does not fit. */
  apply(mutant: Mutant): void {
    const texts = new Map<string, string>();
    for (const change of mutant.changes) {
      const file = path.join(this.root, change.file);
      const sound = readFileSync(file, "utf8");
      texts.set(file, applyChange(sound, change));
      this.#sound.set(file, sound);
    }
    for (const [file, text] of texts) writeFileSync(file, text);
  }

  /** Makes everything sound again. */
  restore(): void {
    for (const [file, text] of this.#sound) writeFileSync(file, text);
    this.#sound.clear();
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
