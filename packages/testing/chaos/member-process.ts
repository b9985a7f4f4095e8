import { type ChildProcess, spawn } from "node:child_process";
import { ENVIRONMENT } from "./command.ts";
import type { Answer, MemberMessage, Request } from "./protocol.ts";

/** How to start a member's process. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** The process cannot answer: it is not there (any more). What was asked may have been done. */
export class ProcessGone extends Error {
  override readonly name = "ProcessGone";
}

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** What a member wrote to its standard error at most: enough for a stack trace. */
const KEPT_OUTPUT = 4_000;

/** One life of a member's process, from its start to its end. */
export class MemberProcess {
  /** Resolves with why the process ended, once it has. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #opened: Promise<boolean>;
  #nextId = 0;
  #isOpen = false;
  #reason: string | undefined;
  #output = "";

  constructor({ command, args }: Launch) {
    this.#child = spawn(command, args, {
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => resolve(error.message));
      this.#child.once("close", (code, signal) => resolve(this.#whyEnded(code, signal)));
    });
    this.#opened = new Promise((resolve) => {
      this.#child.on("message", (message: MemberMessage) => {
        this.#heard(message);
        if (message.type === "open") resolve(true);
      });
      void this.ended.then(() => resolve(false));
    });
    void this.ended.then(() => this.#gone());
    this.#child.on("disconnect", () => this.#gone());
  }

  /** `undefined`: the process could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether its node is open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves with whether its node got open; `false`: it ended before. */
  opened(): Promise<boolean> {
    return this.#opened;
  }

  /** Rejects with {@link ProcessGone} when the process ends first. Waits for as long as the process does nothing. */
  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new ProcessGone("the process has ended"));
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, request }, (error) => {
        if (error !== null) this.#settle(id)?.reject(new ProcessGone(error.message));
      });
    });
  }

  /** Sends a signal to this very process. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #heard(message: MemberMessage): void {
    switch (message.type) {
      case "open":
        this.#isOpen = true;
        return;
      case "stopped":
        this.#isOpen = false;
        this.#reason = message.reason;
        return;
      case "answer":
        this.#settle(message.id)?.resolve(message.answer);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #gone(): void {
    this.#isOpen = false;
    const error = new ProcessGone("the process ended");
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  #whyEnded(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#reason !== undefined) return this.#reason;
    if (signal !== null) return signal;
    const output = this.#output.trim();
    return `exit status ${code ?? -1}${output === "" ? "" : `: ${output}`}`;
  }
}
