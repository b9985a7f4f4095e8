import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * Where the system does not say which boot this is, every process counts as the first after a restart. That costs a replay of
 * the log after a crash; the opposite mistake would lose data. The boot time (clock minus uptime) is no substitute: it moves
 * with every correction of the clock, and is the same at every boot of a machine whose clock stands still while it is off.
 */
const UNKNOWN = `unknown-${randomUUID()}`;

async function readBootId(): Promise<string> {
  if (process.platform === "linux") {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  }
  if (process.platform === "darwin") {
    const sysctl = await promisify(execFile)("/usr/sbin/sysctl", ["-n", "kern.bootsessionuuid"]);
    return sysctl.stdout.trim();
  }
  return "";
}

/**
 * Names the current boot of the machine: Linux's `boot_id`, macOS's `kern.bootsessionuuid`, and elsewhere a fresh name for every
 * process. Containers share their host's, which is right: the page cache outlives them.
 */
export async function systemBootId(): Promise<string> {
  try {
    const id = await readBootId();
    return id === "" ? UNKNOWN : id;
  } catch {
    // Not an error: a sandbox without /proc is one of the places that do not say.
    return UNKNOWN;
  }
}
