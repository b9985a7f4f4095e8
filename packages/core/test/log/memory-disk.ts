import {
  DiskError,
  type Disk,
  type DiskFile,
  type DiskLock,
  type DiskStat,
} from "@holdfast/platform";

/** What a program did to a disk, in the order in which it did it. Files are numbered, since names change. */
export type DiskOperation =
  | { readonly type: "create"; readonly path: string; readonly file: number }
  | { readonly type: "write"; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly type: "truncate"; readonly file: number; readonly size: number }
  | { readonly type: "sync"; readonly file: number }
  | { readonly type: "rename"; readonly from: string; readonly to: string }
  | { readonly type: "remove"; readonly path: string }
  | { readonly type: "syncDirectory"; readonly path: string }
  /** Not an operation: what the test noted at this point. */
  | { readonly type: "mark"; readonly mark: () => void };

/**
 * A disk in memory that remembers every operation, so that a test can ask what would be left of it after a crash. Directories are
 * not modelled: each path is a name, and only names are lost.
 */
export class MemoryDisk implements Disk {
  readonly operations: DiskOperation[] = [];
  /** Called before each operation; what it throws is what the operation fails with. */
  intercept: (operation: DiskOperation) => void = () => undefined;
  /** The files as this process sees them. */
  readonly names = new Map<string, number>();
  readonly contents = new Map<number, Buffer>();
  /** How many times a file was opened and not closed. */
  openFiles = 0;
  #nextFile = 1;

  /** A disk that holds these files, all of them durable. */
  static holding(files: ReadonlyMap<string, Buffer>): MemoryDisk {
    const disk = new MemoryDisk();
    for (const [path, content] of files) {
      const file = disk.#nextFile++;
      disk.names.set(path, file);
      disk.contents.set(file, Buffer.from(content));
    }
    return disk;
  }

  /**
   * The disk of a process that was killed behind `operations`: the next one sees all that they did, and a power cut may still take what was
   * not synced.
   */
  static after(
    operations: readonly DiskOperation[],
    initial: ReadonlyMap<string, Buffer>,
  ): MemoryDisk {
    const disk = MemoryDisk.holding(initial);
    for (const operation of operations) {
      if (operation.type === "create") disk.#nextFile = operation.file + 1;
      disk.perform(operation);
    }
    return disk;
  }

  /** All files, copied. */
  files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const [path, file] of this.names) files.set(path, Buffer.from(this.content(file)));
    return files;
  }

  content(file: number): Buffer {
    return this.contents.get(file) ?? Buffer.alloc(0);
  }

  bootId(): Promise<string> {
    return Promise.resolve("memory");
  }

  async open(
    path: string,
    options: { readonly create?: boolean; readonly exclusive?: boolean } = {},
  ): Promise<DiskFile> {
    let file = this.names.get(path);
    if (file !== undefined && options.exclusive === true) {
      throw new DiskError("ALREADY_EXISTS", path, `${path} exists`);
    }
    if (file === undefined) {
      if (options.create !== true && options.exclusive !== true) {
        throw new DiskError("NOT_FOUND", path, `${path} is not there`);
      }
      file = this.#nextFile++;
      this.perform({ type: "create", path, file });
    }
    return new MemoryFile(this, file);
  }

  async readFile(path: string): Promise<Uint8Array> {
    const file = this.names.get(path);
    if (file === undefined) throw new DiskError("NOT_FOUND", path, `${path} is not there`);
    return Buffer.from(this.content(file));
  }

  async writeFileAtomic(path: string, data: Uint8Array): Promise<void> {
    const file = await this.open(`${path}.tmp`, { create: true });
    await file.truncate(0);
    await file.appendAndSync(0, [data]);
    await this.rename(`${path}.tmp`, path);
    await this.syncDirectory(path.slice(0, path.lastIndexOf("/")));
  }

  createDirectory(): Promise<void> {
    return Promise.resolve();
  }

  async list(path: string): Promise<readonly string[]> {
    const inside = [...this.names.keys()].filter((name) => name.startsWith(`${path}/`));
    return inside.map((name) => name.slice(path.length + 1)).sort();
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    const file = this.names.get(path);
    return file === undefined ? undefined : { isDirectory: false, size: this.content(file).length };
  }

  async rename(from: string, to: string): Promise<void> {
    this.perform({ type: "rename", from, to });
  }

  async remove(path: string): Promise<void> {
    if (this.names.has(path)) this.perform({ type: "remove", path });
  }

  async syncDirectory(path: string): Promise<void> {
    this.perform({ type: "syncDirectory", path });
  }

  lock(): Promise<DiskLock> {
    return Promise.resolve({ release: () => Promise.resolve() });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Notes a point between the operations. */
  mark(mark: () => void): void {
    this.operations.push({ type: "mark", mark });
  }

  perform(operation: DiskOperation): void {
    this.intercept(operation);
    this.operations.push(operation);
    applyOperation(operation, this.names, this.contents);
  }
}

class MemoryFile implements DiskFile {
  readonly #disk: MemoryDisk;
  readonly #file: number;
  #closed = false;

  constructor(disk: MemoryDisk, file: number) {
    this.#disk = disk;
    this.#file = file;
    disk.openFiles += 1;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#check();
    return Buffer.from(this.#disk.content(this.#file).subarray(position, position + length));
  }

  async write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#check();
    const bytes = Buffer.concat(buffers);
    this.#disk.perform({ type: "write", file: this.#file, at: position, bytes });
  }

  async appendAndSync(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    await this.write(position, buffers);
    await this.sync();
  }

  async sync(): Promise<void> {
    this.#check();
    this.#disk.perform({ type: "sync", file: this.#file });
  }

  async truncate(size: number): Promise<void> {
    this.#check();
    this.#disk.perform({ type: "truncate", file: this.#file, size });
  }

  async size(): Promise<number> {
    return this.#disk.content(this.#file).length;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#disk.openFiles -= 1;
  }

  #check(): void {
    if (this.#closed) throw new DiskError("IO", `file ${this.#file}`, "the file is closed");
  }
}

/** Does what an operation does, to the files as a running process sees them. */
export function applyOperation(
  operation: DiskOperation,
  names: Map<string, number>,
  contents: Map<number, Buffer>,
): void {
  switch (operation.type) {
    case "create":
      names.set(operation.path, operation.file);
      contents.set(operation.file, Buffer.alloc(0));
      return;
    case "write": {
      const { file, at, bytes } = operation;
      contents.set(file, overwritten(contents.get(file) ?? Buffer.alloc(0), at, bytes));
      return;
    }
    case "truncate": {
      const { file, size } = operation;
      const old = contents.get(file) ?? Buffer.alloc(0);
      contents.set(file, Buffer.concat([old.subarray(0, size)], size));
      return;
    }
    case "rename": {
      const file = names.get(operation.from);
      if (file === undefined) return;
      names.delete(operation.from);
      names.set(operation.to, file);
      return;
    }
    case "remove":
      names.delete(operation.path);
      return;
    case "sync":
    case "syncDirectory":
    case "mark":
      return;
  }
}

/** `old` with `bytes` at `at`; in place where they fit. */
export function overwritten(old: Buffer, at: number, bytes: Buffer): Buffer {
  const size = Math.max(old.length, at + bytes.length);
  const content = size === old.length ? old : Buffer.concat([old], size);
  content.set(bytes, at);
  return content;
}
