import { type DiskOperation, applyOperation, overwritten } from "./memory-disk.ts";

/** What a device writes at once, or not at all. */
const SECTOR_BYTES = 512;

/** Whether the next thing that was not synced reached the disk all the same. */
export type Keeps = () => boolean;

/**
 * Every state in which a disk may be found: one for each way to answer. Their number doubles with every sector and name that is
 * not synced, so the operations must be few, or synced often.
 */
export function* everyCrashState(
  operations: readonly DiskOperation[],
  initial: ReadonlyMap<string, Buffer>,
): Generator<Map<string, Buffer>, void, undefined> {
  const answers: boolean[] = [];
  do {
    let asked = 0;
    yield crashState(operations, initial, () => {
      if (asked === answers.length) answers.push(false);
      asked += 1;
      return answers[asked - 1] === true;
    });
    // The next answers, as if they were the digits of a number.
    while (answers.at(-1) === true) answers.pop();
    if (answers.length > 0) answers[answers.length - 1] = true;
  } while (answers.length > 0);
}

/**
 * What may be found on a disk after the power went during `operations`: whatever was synced, and of the rest what `keeps` says. Un-synced
 * bytes arrive sector by sector, in any order; where they make a file longer, its length may arrive without them. Un-synced names
 * (created, renamed, removed) arrive or do not, each by itself.
 */
export function crashState(
  operations: readonly DiskOperation[],
  initial: ReadonlyMap<string, Buffer>,
  keeps: Keeps,
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
  for (const change of pendingNames) if (keeps()) change(durableNames);
  for (const [file, writes] of pendingWrites) {
    for (const write of writes) durable.set(file, written(durable.get(file), write, keeps));
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

function written(old: Buffer | undefined, operation: DiskOperation, keeps: Keeps): Buffer {
  let content = old ?? Buffer.alloc(0);
  if (operation.type === "truncate") {
    if (keeps()) content = Buffer.concat([content.subarray(0, operation.size)], operation.size);
    return content;
  }
  if (operation.type !== "write") return content;
  const { at, bytes } = operation;
  const end = at + bytes.length;
  // The file system notes the length before the data, or after them.
  if (end > content.length && keeps()) content = Buffer.concat([content], end);
  for (let from = 0; from < bytes.length;) {
    const sector = SECTOR_BYTES - ((at + from) % SECTOR_BYTES);
    const piece = bytes.subarray(from, from + sector);
    if (keeps()) content = overwritten(content, at + from, piece);
    from += piece.length;
  }
  return content;
}
