import {
  type Disk,
  DiskError,
  type DiskFile,
  type DiskLock,
  type DiskStat,
} from "@holdfast/platform";
import type { SimulatedProcess } from "../world/process.ts";
import type { Device } from "./device.ts";
import { normalized, parentOf } from "./file-tree.ts";
import { type FileMount, MountedFile } from "./mounted-file.ts";
import type { StoredDirectory } from "./stored-directory.ts";
import type { StoredFile } from "./stored-file.ts";
import { SystemError, toDiskError } from "./system-error.ts";

/** A simulated disk as one process sees it. */
export class MountedDisk implements Disk, FileMount {
  readonly device: Device;
  readonly process: SimulatedProcess;
  readonly #bootId: string;
  /** The last `writeFileAtomic` under way for each path: they share a temporary file, and the last caller must win. */
  readonly #replacing = new Map<string, Promise<void>>();
  /** Never rejects. Settled when no append is under way. */
  #appends: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(device: Device, process: SimulatedProcess, bootId: string) {
    this.device = device;
    this.process = process;
    this.#bootId = bootId;
  }

  bootId(): Promise<string> {
    return Promise.resolve(this.#bootId);
  }

  open(
    path: string,
    options: { readonly create?: boolean; readonly exclusive?: boolean } = {},
  ): Promise<DiskFile> {
    return this.#try("open", path, async () => {
      const file = await this.#names(() => this.#openFile(path, options));
      return new MountedFile(this, path, file);
    });
  }

  #openFile(
    path: string,
    { create, exclusive }: { readonly create?: boolean; readonly exclusive?: boolean },
  ): StoredFile {
    const { tree } = this.device;
    if (exclusive === true && tree.find(path) !== undefined) throw new SystemError("EEXIST");
    if (tree.find(path) !== undefined || (create !== true && exclusive !== true)) {
      return tree.file(path);
    }
    return this.device.createFile(path);
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#try("read", path, () =>
      this.device.perform(
        this.process,
        this.device.duration("read"),
        () => {
          const file = this.device.tree.file(path);
          return this.device.read(file, path, 0, file.size);
        },
        () => undefined,
      ),
    );
  }

  async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    const key = normalized(path);
    const before = this.#replacing.get(key) ?? Promise.resolve();
    // Its own caller hears of a failure of the earlier one.
    const replacing = before
      .catch(() => undefined)
      .then(() => this.#try("replace", path, () => this.#replace(path, data)));
    this.#replacing.set(key, replacing);
    try {
      await replacing;
    } finally {
      if (this.#replacing.get(key) === replacing) this.#replacing.delete(key);
    }
  }

  async #replace(path: string, data: Uint8Array): Promise<void> {
    const { device, process } = this;
    const temporary = `${path}.tmp`;
    try {
      const file = await this.#names(() => {
        const opened = this.#openFile(temporary, { create: true });
        opened.truncate(0);
        return opened;
      });
      await device.perform(process, device.duration("write"), () => {
        device.write(file, temporary, 0, data);
      });
      const { mark } = file;
      await device.perform(process, device.syncDuration(temporary), () => {
        device.sync(file, temporary, mark);
      });
      await this.#names(() => {
        device.tree.rename(temporary, path);
      });
    } catch (error) {
      await this.#names(() => {
        device.tree.remove(temporary);
      });
      throw error;
    }
    await this.#syncDirectory(parentOf(path));
  }

  createDirectory(path: string): Promise<void> {
    return this.#try("create directory", path, () => this.#makeDirectory(normalized(path)));
  }

  async #makeDirectory(path: string): Promise<void> {
    const { tree } = this.device;
    const parent = parentOf(path);
    const isThere = await this.#names(() => tree.stat(path)?.isDirectory === true);
    if (!isThere) {
      // Whoever made it may have died before it was synced.
      if (parent !== path) await this.#makeDirectory(parent);
      await this.#names(() => {
        if (tree.stat(path)?.isDirectory !== true) tree.createDirectory(path);
      });
    }
    await this.#syncDirectory(parent);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#try("list", path, () =>
      this.#names(() => this.device.tree.directory(path).names()),
    );
  }

  stat(path: string): Promise<DiskStat | undefined> {
    return this.#try("stat", path, () => this.#names(() => this.device.tree.stat(path)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#try(`rename to ${to}`, from, () =>
      this.#names(() => {
        this.device.tree.rename(from, to);
      }),
    );
  }

  remove(path: string): Promise<void> {
    const { device, process } = this;
    return this.#try("remove", path, () =>
      device.perform(
        process,
        device.duration("names"),
        () => {
          device.tree.remove(path);
        },
        () => {
          device.tree.removeInside(path);
        },
      ),
    );
  }

  syncDirectory(path: string): Promise<void> {
    return this.#try("sync directory", path, () => this.#syncDirectory(path));
  }

  #syncDirectory(path: string): Promise<void> {
    const { device, process } = this;
    return device.perform(process, device.syncDuration(path), () => {
      device.syncDirectory(device.tree.directory(path), path);
    });
  }

  async lock(directory: string): Promise<DiskLock> {
    const { locked, tree } = this.device;
    const node = await this.#try("lock", directory, () =>
      this.#names(() => this.#take(directory, tree.directory(directory))),
    );
    let released: Promise<void> | undefined;
    return {
      release: () => {
        released ??= this.#names(() => {
          locked.delete(node);
        });
        return released;
      },
    };
  }

  #take(path: string, directory: StoredDirectory): StoredDirectory {
    const { locked } = this.device;
    if (locked.has(directory)) {
      throw new DiskError(
        "LOCKED",
        path,
        `${path} is in use by another process, or twice by this one`,
      );
    }
    locked.add(directory);
    return directory;
  }

  append(path: string, work: () => Promise<void>): Promise<void> {
    if (this.#closed) {
      const message = `cannot append to ${path} (the disk is closed)`;
      return Promise.reject(new DiskError("IO", path, message));
    }
    const appending = this.#appends.then(work);
    this.#appends = appending.catch(() => undefined);
    return appending;
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#appends;
  }

  #names<T>(effect: () => T): Promise<T> {
    const { device } = this;
    return device.perform(this.process, device.duration("names"), effect);
  }

  async #try<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw toDiskError(cause, verb, path);
    }
  }
}
