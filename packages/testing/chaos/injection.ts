import { execFile } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tools } from "./tools.ts";

/** What libfiu calls the system call, and EIO. */
const FDATASYNC = "posix/io/sync/fdatasync";
const EIO = 5;

/** How long fiu-ctrl may wait for an answer. */
const FIU_CTRL_MS = 10_000;

/** What can be made to fail inside a member's process, from outside: libraries that are loaded before libc. */
export class Injection {
  /** For the environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly #pipes: string;
  readonly #clock: string;

  constructor(tools: Tools, folder: string, member: number) {
    this.#pipes = join(folder, `fiu-${member}`);
    this.#clock = join(folder, `clock-${member}`);
    writeFileSync(this.#clock, "+0\n");
    const libraries = [
      ...(tools.fiu ?? []),
      ...(tools.faketime === undefined ? [] : [tools.faketime]),
    ];
    this.env = {
      ...(libraries.length === 0 ? {} : { LD_PRELOAD: libraries.join(":") }),
      ...(tools.fiu === undefined ? {} : { FIU_CTRL_FIFO: this.#pipes }),
      ...(tools.faketime === undefined
        ? {}
        : {
            FAKETIME_TIMESTAMP_FILE: this.#clock,
            FAKETIME_CACHE_DURATION: "1",
            // The time of day only: monotonic clocks do not jump. Nor do the times of files.
            FAKETIME_DONT_FAKE_MONOTONIC: "1",
            NO_FAKE_STAT: "1",
          }),
    };
  }

  /** From now on, every fdatasync of the process fails. Rejects when the process does not answer. */
  failSyncs(pid: number): Promise<void> {
    return this.#tellFiu(pid, `enable name=${FDATASYNC},failinfo=${EIO}`);
  }

  /** Takes back {@link Injection.failSyncs}. */
  letSync(pid: number): Promise<void> {
    return this.#tellFiu(pid, `disable name=${FDATASYNC}`);
  }

  /** `+3600`: an hour ahead; `+0 x1.5`: half as fast again, from now on. */
  setClock(specification: string): void {
    const next = `${this.#clock}.next`;
    writeFileSync(next, `${specification}\n`);
    renameSync(next, this.#clock);
  }

  /** Removes what libfaketime leaves in shared memory when its process is killed. */
  forget(pid: number): void {
    if (this.env["FAKETIME_TIMESTAMP_FILE"] === undefined) return;
    for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) {
      rmSync(join("/dev/shm", name), { force: true });
    }
  }

  async #tellFiu(pid: number, command: string): Promise<void> {
    // The library answers on a thread of its own; a process that was stopped or has ended does not.
    const args = ["-f", this.#pipes, "-c", command, String(pid)];
    await promisify(execFile)("fiu-ctrl", args, { timeout: FIU_CTRL_MS });
  }
}
