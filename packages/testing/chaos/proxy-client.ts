import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT } from "./command.ts";
import type { ProxyReply, ProxyRequest, ProxySetup } from "./link-proxy-process.ts";

/** The orchestrator's end of a proxy in a process of its own. */
export class ProxyClient {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when the proxy listens. `prefix`: the command that runs it in its place. */
  static async start(setup: ProxySetup, prefix: readonly string[]): Promise<ProxyClient> {
    const program = fileURLToPath(new URL("./link-proxy-process.js", import.meta.url));
    const words = [...prefix, process.execPath, program, JSON.stringify(setup)];
    const [command = process.execPath, ...args] = words;
    const child = spawn(command, args, {
      env: ENVIRONMENT,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const client = new ProxyClient(child);
    await client.#reply();
    return client;
  }

  /** Resolves with the bytes that came under a rule so far. */
  async ask(request: ProxyRequest): Promise<number> {
    const reply = this.#reply();
    this.#child.send(request);
    return (await reply).touchedBytes;
  }

  /** Ends the process at once. */
  end(): void {
    this.#child.kill("SIGKILL");
  }

  async #reply(): Promise<ProxyReply> {
    const abort = new AbortController();
    try {
      const answer = once(this.#child, "message", { signal: abort.signal });
      const end = once(this.#child, "exit", { signal: abort.signal }).then(() => {
        throw new Error("the proxy ended");
      });
      end.catch(() => undefined);
      answer.catch(() => undefined);
      const [reply] = (await Promise.race([answer, end])) as [ProxyReply];
      return reply;
    } finally {
      abort.abort();
    }
  }
}
