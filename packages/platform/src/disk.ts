/** Why a {@link Disk} operation failed; the original error is the `cause`. */
export type DiskErrorCode =
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  /** Another process, or another opener in this one, holds the lock. */
  | "LOCKED"
  /** No space left on the device (ENOSPC, EDQUOT). */
  | "FULL"
  /** Anything else the device said: nothing may be assumed about what reached the disk. */
  | "IO";

/** An exclusive lock on a directory. The operating system releases it when the process dies, however it dies. */
export interface DiskLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/** What `list` and `stat` say of a file. */
export interface DiskStat {
  readonly isDirectory: boolean;
  readonly size: number;
}

/**
 * An open file. Operations on one file may be issued concurrently; only `appendAndSync` calls are ordered among
 * themselves. Buffers handed over must not be changed until the promise settles. After a failed `appendAndSync` or `sync` every
 * later change of the file rejects with that same error: a second sync would succeed although the bytes are gone.
 */
export interface DiskFile {
  /** Reads up to `length` bytes at `position`; fewer at the end of the file. The caller owns the result. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Writes all buffers, one after the other, from `position` on. Not durable before `sync`. Runs on the shared pool. */
  write(position: number, buffers: readonly Uint8Array[]): Promise<void>;
  /**
   * Writes all buffers from `position` on and makes them durable (`fdatasync`) before it resolves, on a thread of its own that no other
   * work can delay. Calls are carried out in the order in which they were made. After a failure the content of the written
   * range is unknown and the caller must not retry (fsync errors are reported once).
   */
  appendAndSync(position: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** Makes everything written so far durable (`fdatasync`). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  /** Waits for running operations. Idempotent. */
  close(): Promise<void>;
}

/** Files as a node sees them. Paths are `/`-joined strings. Every failure is a {@link DiskError}. The real one is `nodeDisk`. */
export interface Disk {
  /** Changes when the machine was restarted, and so may have lost what was not synced. */
  bootId(): Promise<string>;
  /** Opens for reading and writing. `create`: make it when missing; `exclusive`: fail with `ALREADY_EXISTS` when present. */
  open(
    path: string,
    options?: { readonly create?: boolean; readonly exclusive?: boolean },
  ): Promise<DiskFile>;
  /** The whole content of a file. */
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Replaces `path` atomically and durably: temporary file beside it, sync, rename, directory sync. After a crash the file has
   * the old content or the new, never a mixture.
   */
  writeFileAtomic(path: string, data: Uint8Array): Promise<void>;
  /** Makes the directory and its missing parents. Durable when it resolves, also where a process made it before that died half-way. Idempotent. */
  createDirectory(path: string): Promise<void>;
  /** Names in a directory, sorted. `NOT_FOUND` when there is none. */
  list(path: string): Promise<readonly string[]>;
  /** `undefined` when there is nothing. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** Atomic; replaces `to`. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with everything in it. No error when it is not there. Durable after `syncDirectory`. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Takes the exclusive lock of a directory, or throws `LOCKED` at once. */
  lock(directory: string): Promise<DiskLock>;
  /** Releases threads. Open files are closed first by their owners. Idempotent. */
  close(): Promise<void>;
}
