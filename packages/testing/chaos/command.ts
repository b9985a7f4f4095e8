import { spawnSync } from "node:child_process";

/** Runs a program to its end and returns what it printed. Throws, with its complaint, when it fails. */
export function command(name: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    encoding: "utf8",
    ...(input === undefined ? {} : { input }),
    timeout: 10_000,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** Whether a program can be run at all, here, with these arguments. */
export function works(name: string, args: readonly string[], input?: string): boolean {
  try {
    command(name, args, input);
    return true;
  } catch {
    return false;
  }
}
