import type { DiskErrorCode } from "./disk.ts";
import { DiskError } from "./errors.ts";

function systemCode(cause: unknown): string | undefined {
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}

/** Whether the system failed with one of `codes` (`ENOENT`, `EPERM`, ...). */
export function hasSystemCode(cause: unknown, codes: readonly string[]): boolean {
  const code = systemCode(cause);
  return code !== undefined && codes.includes(code);
}

function diskErrorCode(cause: unknown): DiskErrorCode {
  switch (systemCode(cause)) {
    case "ENOENT":
    case "ENOTDIR":
      return "NOT_FOUND";
    case "EEXIST":
    case "ENOTEMPTY":
      return "ALREADY_EXISTS";
    case "ENOSPC":
    case "EDQUOT":
      return "FULL";
    case undefined:
    default:
      return "IO";
  }
}

/** The system's error as a {@link DiskError}: `verb` says what was tried, as in "cannot open /data/log (...)". */
export function toDiskError(cause: unknown, verb: string, path: string): DiskError {
  if (cause instanceof DiskError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DiskError(diskErrorCode(cause), path, `cannot ${verb} ${path} (${reason})`, { cause });
}

/** Runs `work` and rethrows its failure as a {@link DiskError}. */
export async function asDiskError<T>(
  verb: string,
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw toDiskError(cause, verb, path);
  }
}
