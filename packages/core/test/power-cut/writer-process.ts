import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A writer in a process of its own, and how far it says it is. */
export class WriterProcess {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = "";
  /** The last index that it acknowledged as applied. */
  applied = 0;
  /** The last index that it acknowledged as durable. */
  durable = 0;

  constructor(program: string, location: string, lostUnsynced: boolean) {
    const args = [program, location, ...(lostUnsynced ? ["lost-unsynced"] : [])];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.on("data", (text: Buffer) => {
      this.#errors += text.toString();
    });
    this.#process = child;
    this.#ended = once(child, "close");
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Reads on until `enough` says so; it is asked after every line. */
  async follow(enough: () => boolean): Promise<void> {
    do {
      const line = await this.#lines.next();
      if (line.done === true) throw new Error(`the writer ended by itself: ${this.#errors}`);
      this.#read(line.value);
    } while (!enough());
  }

  /** Kills it at once, and reads what it had said until then. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
    for (let line = await this.#lines.next(); line.done !== true; line = await this.#lines.next()) {
      this.#read(line.value);
    }
  }

  #read(line: string): void {
    const [what, index] = line.split(" ");
    // The kill may have cut the last line short.
    if (index === undefined || !/^\d+$/.test(index)) return;
    if (what === "applied") this.applied = Number(index);
    else if (what === "checkpoint") this.durable = Number(index);
    else if (what === "open") this.applied = this.durable = Number(index);
  }
}
