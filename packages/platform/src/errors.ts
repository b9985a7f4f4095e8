import type { DiskErrorCode } from "./disk.ts";
import type { NetworkErrorCode } from "./network.ts";

/** A failed {@link Disk} operation: what was tried on which path, and the system's error as `cause`. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: DiskErrorCode;
  readonly path: string;
  constructor(
    code: DiskErrorCode,
    path: string,
    message: string,
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/** A failed {@link Network} operation, with the system's error as `cause`. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly code: NetworkErrorCode;
  constructor(code: NetworkErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
