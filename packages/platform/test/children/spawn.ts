import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const register = new URL("register.mjs", import.meta.url);

/** A real process that runs one of the programs of this folder on the sources. */
export class Child {
  readonly #process: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals>;
  #output = "";
  #errors = "";
  #onOutput: (() => void) | undefined;

  constructor(program: string, ...args: readonly string[]) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    this.#process = spawn(process.execPath, ["--import", register.href, path, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
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
