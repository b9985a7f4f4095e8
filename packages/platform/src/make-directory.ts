import { dirname } from "node:path";

/** What {@link makeDirectory} asks of the system. */
export interface DirectoryCalls {
  isDirectory(path: string): Promise<boolean>;
  /** Makes a directory in one that is there. No error when it is there already. */
  make(path: string): Promise<void>;
  sync(path: string): Promise<void>;
  /** Syncs one that may be somebody else's. */
  syncForeign(path: string): Promise<void>;
}

/**
 * Makes a directory with its missing parents, durably. What is there already may have been made by a process that died before it synced the
 * name, and nobody can tell: so the name of a directory is synced before anything is made in it. By that rule only the last directory that
 * such a process made can be in doubt, and there is no need to go further up.
 */
export async function makeDirectory(path: string, calls: DirectoryCalls): Promise<void> {
  const parent = dirname(path);
  if (await calls.isDirectory(path)) {
    await calls.syncForeign(parent);
    return;
  }
  if (parent !== path) await makeDirectory(parent, calls);
  await calls.make(path);
  await calls.sync(parent);
}
