import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Request, Tasks } from "./tasks.ts";

const program = fileURLToPath(new URL("member.js", import.meta.url));

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The main program's handle on one member process. Calls reject when the process dies before it answered. */
export class MemberProcess {
  static readonly #running = new Set<MemberProcess>();
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  /** `profileDirectory`: the process leaves a CPU profile there when it ends by itself. */
  constructor(profileDirectory?: string) {
    const execArgv =
      profileDirectory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`];
    this.#child = fork(program, { serialization: "advanced", execArgv });
    this.#child.on("message", (answer: Answer) => {
      this.#settle(answer);
    });
    MemberProcess.#running.add(this);
    this.#child.on("exit", () => {
      MemberProcess.#running.delete(this);
      for (const { reject } of this.#waiting.values()) reject(new Error("process ended"));
      this.#waiting.clear();
    });
  }

  static async killAll(): Promise<void> {
    await Promise.all([...MemberProcess.#running].map((member) => member.kill()));
  }

  /** Has a task done inside the process. */
  call<Name extends keyof Tasks>(
    task: Name,
    ...[argument]: Parameters<Tasks[Name]>
  ): ReturnType<Tasks[Name]> {
    const result = new Promise((resolve, reject) => {
      if (!this.#alive) throw new Error("process ended");
      this.#calls += 1;
      const request: Request = { id: this.#calls, task, argument };
      this.#waiting.set(request.id, { resolve, reject });
      this.#child.send(request, (error) => {
        if (error === null) return;
        this.#waiting.delete(request.id);
        reject(error);
      });
    });
    // The member runs the task of that name.
    return result as ReturnType<Tasks[Name]>;
  }

  /** Closes the node and ends the process. */
  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    await this.call("close", undefined);
    this.#child.disconnect();
    await exited;
  }

  /** SIGKILL: the process gets no chance to save anything. */
  async kill(): Promise<void> {
    if (!this.#alive) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  get #alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  #settle({ id, result, failure }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (failure === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(failure));
  }
}
