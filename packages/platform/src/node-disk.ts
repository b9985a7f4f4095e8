import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AppendThread } from "./append-thread.ts";
import { systemBootId } from "./boot-id.ts";
import { asDiskError, hasSystemCode } from "./disk-error.ts";
import { lockDirectory } from "./disk-lock.ts";
import type { Disk, DiskFile, DiskLock, DiskStat } from "./disk.ts";
import { type DirectoryCalls, makeDirectory } from "./make-directory.ts";
import { NodeFile } from "./node-file.ts";

/** Settings of {@link nodeDisk}. */
export interface NodeDiskOptions {
  /**
   * What `bootId` answers instead of the system's own name of this boot. For machines that have none, and for tests of what
   * happens after a power cut.
   */
  readonly bootId?: string;
}

/**
 * The file system of this machine. One thread of its own carries out `appendAndSync`; it starts with the first call and does not
 * keep the process alive. `writeFileAtomic(path)` uses `<path>.tmp`, which a crash may leave behind and the next call replaces.
 */
export function nodeDisk(options: NodeDiskOptions = {}): Disk {
  return new NodeDisk(options);
}

class NodeDisk implements Disk {
  readonly #bootId: string | undefined;
  readonly #thread = new AppendThread();
  /** The last `writeFileAtomic` under way for each path: they share a temporary file, and the last caller must win. */
  readonly #replacing = new Map<string, Promise<void>>();

  constructor(options: NodeDiskOptions) {
    this.#bootId = options.bootId;
  }

  async bootId(): Promise<string> {
    return this.#bootId ?? (await systemBootId());
  }

  async open(
    path: string,
    options: { readonly create?: boolean; readonly exclusive?: boolean } = {},
  ): Promise<DiskFile> {
    let flags = constants.O_RDWR;
    if (options.create === true || options.exclusive === true) flags |= constants.O_CREAT;
    if (options.exclusive === true) flags |= constants.O_EXCL;
    const handle = await asDiskError("open", path, () => open(path, flags));
    return new NodeFile(path, handle, this.#thread);
  }

  readFile(path: string): Promise<Uint8Array> {
    return asDiskError("read", path, async () => {
      const { buffer, byteOffset, length } = await readFile(path);
      return new Uint8Array(buffer, byteOffset, length);
    });
  }

  async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    const key = resolve(path);
    const before = this.#replacing.get(key);
    const replacing = replaceAfter(before, path, data);
    this.#replacing.set(key, replacing);
    try {
      await replacing;
    } finally {
      if (this.#replacing.get(key) === replacing) this.#replacing.delete(key);
    }
  }

  createDirectory(path: string): Promise<void> {
    return asDiskError("create directory", path, () => makeDirectory(resolve(path), DIRECTORIES));
  }

  list(path: string): Promise<readonly string[]> {
    return asDiskError("list", path, async () => (await readdir(path)).sort());
  }

  stat(path: string): Promise<DiskStat | undefined> {
    return asDiskError("stat", path, async () => {
      try {
        const found = await stat(path);
        return { isDirectory: found.isDirectory(), size: found.size };
      } catch (error) {
        if (hasSystemCode(error, ["ENOENT", "ENOTDIR"])) return undefined;
        throw error;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return asDiskError(`rename to ${to}`, from, () => rename(from, to));
  }

  remove(path: string): Promise<void> {
    return asDiskError("remove", path, () => rm(path, { recursive: true, force: true }));
  }

  syncDirectory(path: string): Promise<void> {
    return asDiskError("sync directory", path, () => syncDirectory(path));
  }

  lock(directory: string): Promise<DiskLock> {
    return lockDirectory(directory);
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

async function replaceAfter(
  before: Promise<void> | undefined,
  path: string,
  data: Uint8Array,
): Promise<void> {
  // Its own caller hears of a failure of the earlier one.
  await before?.catch(() => undefined);
  await asDiskError("replace", path, () => replace(path, data));
}

async function replace(path: string, data: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(data);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // Best effort: on a full disk the leftover would keep the space; the first error is the one to report.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

const DIRECTORIES: DirectoryCalls = {
  isDirectory,
  async make(path) {
    try {
      await mkdir(path);
    } catch (error) {
      if (!hasSystemCode(error, ["EEXIST"]) || !(await isDirectory(path))) throw error;
    }
  },
  sync: syncDirectory,
  async syncForeign(path) {
    try {
      await syncDirectory(path);
    } catch (error) {
      // Not being allowed to look at it is no reason to fail.
      if (!hasSystemCode(error, ["EACCES", "EPERM", "EROFS"])) throw error;
    }
  },
};

/** Some file systems cannot sync a directory, and Windows cannot even open one; there the system orders renames by itself. */
const CANNOT_SYNC_DIRECTORY: readonly string[] =
  process.platform === "win32"
    ? ["EPERM", "EISDIR", "EACCES", "EINVAL", "ENOTSUP"]
    : ["EINVAL", "ENOTSUP"];

async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (!hasSystemCode(error, CANNOT_SYNC_DIRECTORY)) throw error;
  }
}
