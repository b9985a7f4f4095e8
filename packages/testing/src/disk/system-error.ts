import { DiskError, type DiskErrorCode } from "@holdfast/platform";

type SystemCode = "ENOENT" | "ENOTDIR" | "EEXIST" | "ENOTEMPTY" | "EISDIR" | "EIO" | "ENOSPC";

const MEANINGS: Readonly<Record<SystemCode, readonly [DiskErrorCode, string]>> = {
  ENOENT: ["NOT_FOUND", "no such file or directory"],
  ENOTDIR: ["NOT_FOUND", "not a directory"],
  EEXIST: ["ALREADY_EXISTS", "file already exists"],
  ENOTEMPTY: ["ALREADY_EXISTS", "directory not empty"],
  EISDIR: ["IO", "illegal operation on a directory"],
  EIO: ["IO", "i/o error"],
  ENOSPC: ["FULL", "no space left on device"],
};

/** What the system answers, as Node would report it. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: SystemCode;

  constructor(code: SystemCode) {
    super(`${code}: ${MEANINGS[code][1]}`);
    this.code = code;
  }
}

/** The error as a disk reports it: `verb` says what was tried. */
export function toDiskError(cause: unknown, verb: string, path: string): DiskError {
  if (cause instanceof DiskError) return cause;
  if (!(cause instanceof SystemError)) throw cause;
  const message = `cannot ${verb} ${path} (${cause.message})`;
  return new DiskError(MEANINGS[cause.code][0], path, message, { cause });
}
