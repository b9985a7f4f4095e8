import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { NodeSettings, NodeStatus } from "@holdfast/core";
import type { Answer, Envelope, Request, Row } from "./protocol.ts";

const program = fileURLToPath(new URL("member.js", import.meta.url));

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** The main program's handle on one member process. Requests reject when the process dies before it answered. */
export class MemberProcess {
  /** Every process that was started and has not ended. */
  static readonly #running = new Set<MemberProcess>();
  readonly settings: NodeSettings;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;

  private constructor(settings: NodeSettings) {
    this.settings = settings;
    this.#child = fork(program, { serialization: "advanced" });
    this.#child.on("message", ({ id, body }: Envelope<Answer>) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (body.type === "failed") waiting?.reject(new Error(body.message));
      else waiting?.resolve(body);
    });
    MemberProcess.#running.add(this);
    this.#child.on("exit", () => {
      MemberProcess.#running.delete(this);
      for (const { reject } of this.#waiting.values()) reject(new Error("process ended"));
      this.#waiting.clear();
    });
  }

  static async start(settings: NodeSettings): Promise<MemberProcess> {
    const member = new MemberProcess(settings);
    try {
      await member.#ask({ type: "open", settings });
    } catch (error) {
      await member.kill();
      throw error;
    }
    return member;
  }

  /** Kills every process, also one that is still opening its node. */
  static async killAll(): Promise<void> {
    await Promise.all([...MemberProcess.#running].map((member) => member.kill()));
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async put(rows: readonly Row[]): Promise<void> {
    await this.#ask({ type: "put", rows });
  }

  async page(after: string, limit: number): Promise<readonly Row[]> {
    const answer = await this.#ask({ type: "page", after, limit });
    return answer.type === "rows" ? answer.rows : [];
  }

  async prefix(prefix: string, limit: number): Promise<readonly Row[]> {
    const answer = await this.#ask({ type: "prefix", prefix, limit });
    return answer.type === "rows" ? answer.rows : [];
  }

  async status(): Promise<NodeStatus> {
    const answer = await this.#ask({ type: "status" });
    if (answer.type !== "status") throw new Error(`unexpected answer (${answer.type})`);
    return answer.status;
  }

  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    await this.#ask({ type: "close" });
    await exited;
  }

  /** SIGKILL: the process gets no chance to save anything. */
  async kill(): Promise<void> {
    if (!this.alive) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  #ask(body: Request): Promise<Answer> {
    if (!this.alive) return Promise.reject(new Error("process ended"));
    this.#requests += 1;
    const id = this.#requests;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, body } satisfies Envelope<Request>, (error) => {
        if (error === null) return;
        this.#waiting.delete(id);
        reject(error);
      });
    });
  }
}
