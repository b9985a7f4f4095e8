import { spawnSync } from "node:child_process";

/** What administrators run is not in everybody's path. */
export const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`,
};

/** Runs a program to its end and returns what it printed. Throws, with its complaint, when it fails. */
export function command(name: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    encoding: "utf8",
    env: ENVIRONMENT,
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
