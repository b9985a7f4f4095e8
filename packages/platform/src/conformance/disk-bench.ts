import { equal } from "node:assert/strict";
import type { Disk, DiskErrorCode, DiskFile } from "../disk.ts";
import { DiskError } from "../errors.ts";

/** A disk under test, and what the tests do with it again and again. */
export class DiskBench {
  readonly disk: Disk;
  readonly directory: string;

  constructor(disk: Disk, directory: string) {
    this.disk = disk;
    this.directory = directory;
  }

  /** A path in the directory of the test. */
  at(name: string): string {
    return `${this.directory}/${name}`;
  }

  async withFile(path: string, use: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = await this.disk.open(path, { create: true });
    try {
      await use(file);
    } finally {
      await file.close();
    }
  }
}

/** The tests of one theme, by name. */
export type DiskTests = Readonly<Record<string, (bench: DiskBench) => Promise<void>>>;

/** The two ways to write. */
export const WRITES = ["write", "appendAndSync"] as const;

/** The promise must reject with this {@link DiskError}. */
export async function fails(
  promise: Promise<unknown>,
  code: DiskErrorCode,
  path: string,
): Promise<void> {
  const error = await failure(promise);
  equal(error.code, code);
  equal(error.path, path);
}

/** The {@link DiskError} with which the promise must reject. */
export async function failure(promise: Promise<unknown>): Promise<DiskError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DiskError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** All bytes in a row. */
export function joined(buffers: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(buffers));
}
