import type { Random } from "@holdfast/platform";
import { type DiskOperation, applyOperation, overwritten } from "./memory-disk.ts";

/** What a device writes at once, or not at all. */
const SECTOR_BYTES = 512;

/**
 * What may be found on a disk after the power went during `operations`: whatever was synced, and of the rest any part. Un-synced
 * bytes arrive sector by sector, in any order; un-synced names (created, renamed, removed) arrive or do not, each by itself.
 */
export function crashState(
  operations: readonly DiskOperation[],
  initial: ReadonlyMap<string, Buffer>,
  keeps: (random: Random) => boolean,
  random: Random,
): Map<string, Buffer> {
  const durableNames = new Map<string, number>();
  const durable = new Map<number, Buffer>();
  let next = -1;
  for (const [path, content] of initial) {
    durableNames.set(path, next);
    durable.set(next, Buffer.from(content));
    next -= 1;
  }
  const visibleNames = new Map(durableNames);
  const pendingWrites = new Map<number, DiskOperation[]>();
  let pendingNames: ((names: Map<string, number>) => void)[] = [];
  const files = new FileNumbers(initial);
  for (const operation of operations) {
    switch (operation.type) {
      case "create":
      case "rename":
      case "remove":
        pendingNames.push(nameChange(operation, visibleNames, files));
        applyOperation(renumbered(operation, files), visibleNames, new Map());
        break;
      case "write":
      case "truncate": {
        const file = files.of(operation.file);
        pendingWrites.set(file, [...(pendingWrites.get(file) ?? []), operation]);
        break;
      }
      case "sync": {
        const file = files.of(operation.file);
        for (const write of pendingWrites.get(file) ?? []) {
          durable.set(
            file,
            written(durable.get(file), write, () => true),
          );
        }
        pendingWrites.delete(file);
        break;
      }
      case "syncDirectory":
        for (const change of pendingNames) change(durableNames);
        pendingNames = [];
        break;
      case "mark":
        break;
    }
  }
  for (const change of pendingNames) if (keeps(random)) change(durableNames);
  for (const [file, writes] of pendingWrites) {
    for (const write of writes) {
      durable.set(
        file,
        written(durable.get(file), write, () => keeps(random)),
      );
    }
  }
  const left = new Map<string, Buffer>();
  for (const [path, file] of durableNames) left.set(path, durable.get(file) ?? Buffer.alloc(0));
  return left;
}

/** Files that were there at the start have negative numbers here, and positive ones, in the same order, in the operations. */
class FileNumbers {
  readonly #initial: number;

  constructor(initial: ReadonlyMap<string, Buffer>) {
    this.#initial = initial.size;
  }

  of(file: number): number {
    return file <= this.#initial ? -file : file;
  }
}

function renumbered(operation: DiskOperation, files: FileNumbers): DiskOperation {
  return operation.type === "create" ? { ...operation, file: files.of(operation.file) } : operation;
}

/** What a change of names does to the directory, bound to the file that it was about. */
function nameChange(
  operation: DiskOperation,
  visible: ReadonlyMap<string, number>,
  files: FileNumbers,
): (names: Map<string, number>) => void {
  if (operation.type === "create") {
    const { path, file } = operation;
    return (names) => names.set(path, files.of(file));
  }
  if (operation.type === "rename") {
    const { from, to } = operation;
    const file = visible.get(from);
    return (names) => {
      if (file === undefined) return;
      names.delete(from);
      names.set(to, file);
    };
  }
  return (names) => {
    if (operation.type === "remove") names.delete(operation.path);
  };
}

function written(old: Buffer | undefined, operation: DiskOperation, keeps: () => boolean): Buffer {
  let content = old ?? Buffer.alloc(0);
  if (operation.type === "truncate") {
    if (keeps()) content = Buffer.concat([content.subarray(0, operation.size)], operation.size);
    return content;
  }
  if (operation.type !== "write") return content;
  const { at, bytes } = operation;
  for (let from = 0; from < bytes.length;) {
    const sector = SECTOR_BYTES - ((at + from) % SECTOR_BYTES);
    const piece = bytes.subarray(from, from + sector);
    if (keeps()) content = overwritten(content, at + from, piece);
    from += piece.length;
  }
  return content;
}
