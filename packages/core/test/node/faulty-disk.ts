import {
  type Disk,
  type DiskFile,
  type DiskLock,
  type DiskStat,
  nodeDisk,
} from "@holdfast/platform";

/** The real disk, which fails where it is told to and counts what is read. */
export class FaultyDisk implements Disk {
  readonly #disk: Disk = nodeDisk();
  /** Called before every `appendAndSync`: what it throws is what the disk says. */
  beforeAppend: (path: string) => void = () => undefined;
  /** Called before a directory is made. */
  beforeCreateDirectory: (path: string) => void = () => undefined;
  /** Reads of open files: paths, in order. */
  readonly reads: string[] = [];

  async open(
    path: string,
    options?: { readonly create?: boolean; readonly exclusive?: boolean },
  ): Promise<DiskFile> {
    return this.#tapped(path, await this.#disk.open(path, options));
  }

  #tapped(path: string, file: DiskFile): DiskFile {
    return {
      read: (position, length) => {
        this.reads.push(path);
        return file.read(position, length);
      },
      write: (position, buffers) => file.write(position, buffers),
      appendAndSync: async (position, buffers) => {
        this.beforeAppend(path);
        await file.appendAndSync(position, buffers);
      },
      sync: () => file.sync(),
      truncate: (size) => file.truncate(size),
      size: () => file.size(),
      close: () => file.close(),
    };
  }

  bootId(): Promise<string> {
    return this.#disk.bootId();
  }

  readFile(path: string): Promise<Uint8Array> {
    return this.#disk.readFile(path);
  }

  writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    return this.#disk.writeFileAtomic(path, data);
  }

  async createDirectory(path: string): Promise<void> {
    this.beforeCreateDirectory(path);
    await this.#disk.createDirectory(path);
  }

  list(path: string): Promise<readonly string[]> {
    return this.#disk.list(path);
  }

  stat(path: string): Promise<DiskStat | undefined> {
    return this.#disk.stat(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(path);
  }

  lock(directory: string): Promise<DiskLock> {
    return this.#disk.lock(directory);
  }

  close(): Promise<void> {
    return this.#disk.close();
  }
}
