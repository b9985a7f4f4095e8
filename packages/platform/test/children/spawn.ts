import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const compiled = mkdtempSync(join(tmpdir(), "holdfast-children-"));

/**
 * A process of its own needs JavaScript: Node 20 cannot strip types. What `tsc` built may be older than the sources, so the
 * sources and the programs of this folder are stripped into a temporary package.
 */
function strip(folder: string): void {
  mkdirSync(join(compiled, folder), { recursive: true });
  for (const file of readdirSync(join(root, folder)).filter((name) => name.endsWith(".ts"))) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, folder, file), "utf8"), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
      },
    });
    writeFileSync(join(compiled, folder, file.replace(/ts$/, "js")), outputText);
  }
}

strip("src");
strip("test/children");
writeFileSync(join(compiled, "package.json"), '{ "type": "module" }');
symlinkSync(join(root, "node_modules"), join(compiled, "node_modules"), "junction");
afterAll(() => {
  rmSync(compiled, { recursive: true });
});

const pathOf = (program: string): string => join(compiled, "test/children", `${program}.js`);

/** A real process that runs one of the programs of this folder on the sources. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals>;
  #output = "";
  #errors = "";
  #onOutput: (() => void) | undefined;

  private constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args);
    this.#process.stdout?.on("data", (bytes: Buffer) => {
      this.#output += bytes.toString();
      this.#onOutput?.();
    });
    this.#process.stderr?.on("data", (bytes: Buffer) => {
      this.#errors += bytes.toString();
    });
    this.#exit = once(this.#process, "close").then(([code, signal]) => {
      this.#onOutput?.();
      return (signal ?? code) as number | NodeJS.Signals;
    });
  }

  static run(program: string, ...args: readonly string[]): Child {
    return new Child(process.execPath, [pathOf(program), ...args]);
  }

  /** The same in a shell that was set up by `commands`. */
  static under(commands: string, program: string, ...args: readonly string[]): Child {
    const script = `${commands}; exec "$@"`;
    return new Child("/bin/sh", ["-c", script, "sh", process.execPath, pathOf(program), ...args]);
  }

  /** Waits until the child has printed `text`, and returns all that it has printed. */
  async printed(text: string): Promise<string> {
    while (!this.#output.includes(text)) {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(
          `the child ended before it printed ${text}: ${this.#output}${this.#errors}`,
        );
      }
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
    return this.#output;
  }

  /** What it printed in all, once it has ended by itself with status 0. */
  async ended(): Promise<string> {
    const status = await this.#exit;
    if (status !== 0)
      throw new Error(`the child ended with ${status}: ${this.#output}${this.#errors}`);
    return this.#output;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exit;
  }
}
