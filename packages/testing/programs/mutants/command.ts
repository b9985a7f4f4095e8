import { spawn } from "node:child_process";

/** How a command ended. */
export interface Ended {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  /** It took longer than it may, and was ended. */
  readonly late: boolean;
  /** What it printed. */
  readonly output: string;
}

/** More than any report; what is printed in an endless loop must not fill the memory. */
const MAX_OUTPUT = 4 << 20;

/** The groups of what runs now, by their leaders. */
const running = new Set<number>();

/** Ends everything that {@link runNode} started and that has not ended. */
export function endAll(): void {
  for (const leader of running) endGroup(leader);
}

/** Runs a program of Node in `directory`, for at most `limitMs`. */
export function runNode(
  directory: string,
  args: readonly string[],
  limitMs: number,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: directory,
      // A group of its own, so that what it started can be ended with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", CI: "1" },
    });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    let output = "";
    let late = false;
    const take = (bytes: Buffer): void => {
      if (output.length < MAX_OUTPUT) output += bytes.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const timer = setTimeout(() => {
      late = true;
      if (pid !== undefined) endGroup(pid);
    }, limitMs);
    const end = (status: number | undefined, why: string): void => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      resolve({ status, late, output: output + why });
    };
    child.on("error", (error) => {
      end(undefined, error.message);
    });
    child.on("close", (status) => {
      end(status ?? undefined, "");
    });
  });
}

function endGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}
