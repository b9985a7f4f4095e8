import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll } from "vitest";
import { stripSources, type StrippedSources } from "../power-cut/stripped-sources.ts";

/** Every file of three packages goes through the compiler; a busy machine takes its time. */
const STRIP_TIMEOUT_MS = 60_000;

/** Runs the programs of this folder as processes of their own; to be called at the top of a test file. */
export function childPrograms(): (program: string, ...args: readonly string[]) => Child {
  let sources: StrippedSources | undefined;
  beforeAll(() => {
    sources = stripSources("children");
  }, STRIP_TIMEOUT_MS);
  afterAll(() => {
    sources?.remove();
  });
  return (program, ...args) => {
    if (sources === undefined) throw new Error("no sources before the tests began");
    return new Child(sources.program(`children/${program}`), args);
  };
}

/** A real process that runs one program on the sources. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #output = "";
  #errors = "";
  #onOutput: (() => void) | undefined;

  constructor(program: string, args: readonly string[]) {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    child.stdout.on("data", (bytes: Buffer) => {
      this.#output += bytes.toString();
      this.#onOutput?.();
    });
    child.stderr.on("data", (bytes: Buffer) => {
      this.#errors += bytes.toString();
    });
    this.#ended = once(child, "close").then(() => this.#onOutput?.());
  }

  /** Waits until the child has printed `text`. */
  async printed(text: string): Promise<void> {
    while (!this.#output.includes(text)) {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`ended before it printed ${text}: ${this.#output}${this.#errors}`);
      }
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  /** What it printed in all, once it has ended by itself with status 0. */
  async ended(): Promise<string> {
    await this.#ended;
    if (this.#process.exitCode === 0) return this.#output;
    const status = String(this.#process.signalCode ?? this.#process.exitCode);
    throw new Error(`the child ended with ${status}: ${this.#output}${this.#errors}`);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
