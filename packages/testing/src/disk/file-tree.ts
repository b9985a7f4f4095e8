import type { DiskStat } from "@holdfast/platform";
import { type NameChange, StoredDirectory, type StoredNode } from "./stored-directory.ts";
import { StoredFile } from "./stored-file.ts";
import { SystemError } from "./system-error.ts";

/** A file and a path that leads to it. */
export interface NamedFile {
  readonly path: string;
  readonly file: StoredFile;
}

/** The names of a disk. Everything happens at once; failures are {@link SystemError}. */
export class FileTree {
  readonly root: StoredDirectory = new StoredDirectory();

  /** What is at `path`, if anything is. */
  find(path: string): StoredNode | undefined {
    let node: StoredNode | undefined = this.root;
    for (const name of namesOf(path)) {
      if (!(node instanceof StoredDirectory)) return undefined;
      node = node.get(name);
    }
    return node;
  }

  directory(path: string): StoredDirectory {
    const node = this.find(path);
    if (node === undefined) throw new SystemError("ENOENT");
    if (node instanceof StoredFile) throw new SystemError("ENOTDIR");
    return node;
  }

  file(path: string): StoredFile {
    const node = this.find(path);
    if (node === undefined) throw new SystemError("ENOENT");
    if (node instanceof StoredDirectory) throw new SystemError("EISDIR");
    return node;
  }

  createFile(path: string): StoredFile {
    const { parent, name } = this.#place(path);
    const file = new StoredFile();
    parent.set(name, file, newChange());
    return file;
  }

  createDirectory(path: string): void {
    if (this.find(path) !== undefined) throw new SystemError("EEXIST");
    const { parent, name } = this.#place(path);
    parent.set(name, new StoredDirectory(), newChange());
  }

  stat(path: string): DiskStat | undefined {
    const node = this.find(path);
    if (node === undefined) return undefined;
    if (node instanceof StoredDirectory) return { isDirectory: true, size: 4_096 };
    return { isDirectory: false, size: node.size };
  }

  rename(from: string, to: string): void {
    const source = this.#place(from);
    const target = this.#place(to);
    const node = source.parent.get(source.name);
    if (node === undefined) throw new SystemError("ENOENT");
    const replaced = target.parent.get(target.name);
    if (replaced === node) return;
    if (replaced instanceof StoredDirectory) {
      if (node instanceof StoredFile) throw new SystemError("EISDIR");
      if (replaced.names().length > 0) throw new SystemError("ENOTEMPTY");
    } else if (replaced !== undefined && node instanceof StoredDirectory) {
      throw new SystemError("ENOTDIR");
    }
    const change = newChange();
    source.parent.set(source.name, undefined, change);
    target.parent.set(target.name, node, change);
  }

  /** Removes it with everything in it. */
  remove(path: string): void {
    this.removeInside(path);
    const node = this.find(path);
    if (node === undefined) return;
    const { parent, name } = this.#place(path);
    parent.set(name, undefined, newChange());
  }

  /** Removes everything in it, and leaves it. */
  removeInside(path: string): void {
    const node = this.find(path);
    if (!(node instanceof StoredDirectory)) return;
    for (const name of node.names()) this.remove(`${path}/${name}`);
  }

  /** All files, in order of their paths, directory by directory. */
  files(): readonly NamedFile[] {
    const found: NamedFile[] = [];
    collect(this.root, "", found);
    return found;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const { file } of this.files()) bytes += file.size;
    return bytes;
  }

  #place(path: string): { readonly parent: StoredDirectory; readonly name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw new SystemError("EEXIST");
    return { parent: this.directory(names.join("/")), name };
  }
}

function newChange(): NameChange {
  return { kept: undefined };
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** The path of the directory that holds `path`. */
export function parentOf(path: string): string {
  return `/${namesOf(path).slice(0, -1).join("/")}`;
}

/** One spelling for each path. */
export function normalized(path: string): string {
  return `/${namesOf(path).join("/")}`;
}

function collect(directory: StoredDirectory, path: string, found: NamedFile[]): void {
  for (const [name, node] of directory.entries()) {
    const inside = `${path}/${name}`;
    if (node instanceof StoredDirectory) collect(node, inside, found);
    else found.push({ path: inside, file: node });
  }
}
