import { realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { hasSystemCode, toDiskError } from "./disk-error.ts";
import type { DiskLock } from "./disk.ts";
import { DiskError } from "./errors.ts";

/** An open database that becomes garbage is closed, and its lock with it: held ones stay reachable from here. */
const held = new Set<ClassicLevel>();

/** What abstract-level wraps, or the error itself. */
function reasonOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

async function open(location: string): Promise<ClassicLevel> {
  const database = new ClassicLevel(location, { compression: false });
  await database.open();
  return database;
}

/**
 * Node cannot lock files itself, but LevelDB does (an `fcntl` lock, `LockFileEx` on Windows) and the system drops that lock with
 * the process. So an empty database in `<directory>/lock` is the lock; nothing is ever stored in it.
 */
export async function lockDirectory(directory: string): Promise<DiskLock> {
  let location: string;
  try {
    // LevelDB tells the openers of one process apart by the name of the file, and two names may lead to one directory.
    location = join(await realpath(directory), "lock");
  } catch (cause) {
    throw toDiskError(cause, "lock", directory);
  }
  const database = await openLock(directory, location);
  held.add(database);
  let released: Promise<void> | undefined;
  return {
    release: () => {
      released ??= database.close().finally(() => held.delete(database));
      return released;
    },
  };
}

async function openLock(directory: string, location: string): Promise<ClassicLevel> {
  try {
    return await open(location);
  } catch (error) {
    if (isLocked(error)) throw lockedError(directory, error);
  }
  try {
    // A power cut can leave the empty database unreadable. Without CURRENT, LevelDB makes a new one around the same LOCK file, so
    // that a racing opener is still refused; removing the whole directory would give each of them a LOCK file of its own.
    await rm(join(location, "CURRENT"), { force: true });
    return await open(location);
  } catch (error) {
    if (isLocked(error)) throw lockedError(directory, error);
    throw toDiskError(reasonOf(error), "lock", directory);
  }
}

function isLocked(error: unknown): boolean {
  return hasSystemCode(error, ["LEVEL_LOCKED"]) || hasSystemCode(reasonOf(error), ["LEVEL_LOCKED"]);
}

function lockedError(directory: string, cause: unknown): DiskError {
  return new DiskError(
    "LOCKED",
    directory,
    `the directory ${directory} is in use by another process, or by another node in this one; stop it, or choose another directory`,
    { cause },
  );
}
