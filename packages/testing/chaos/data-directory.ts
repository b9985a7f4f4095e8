import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Cleanup } from "./cleanup.ts";
import { command } from "./command.ts";

/** Room for the log, the store and a received one beside it, and not much more. */
const TMPFS_BYTES = 192 * 1024 * 1024;

/** Where a member keeps its data. */
export class DataDirectory {
  /** For the node. */
  readonly path: string;
  /** Whether it is a file system of its own, which can be filled. */
  readonly canBeFilled: boolean;
  readonly #ballast: string;

  /** Makes the directory in `parent`; on a tmpfs of its own when it shall be filled. */
  constructor(parent: string, name: string, canBeFilled: boolean, cleanup: Cleanup) {
    const top = join(parent, name);
    mkdirSync(top);
    if (canBeFilled) {
      command("mount", ["-t", "tmpfs", "-o", `size=${TMPFS_BYTES}`, "holdfast-chaos", top]);
      cleanup.add(`unmount ${top}`, () => command("umount", ["--lazy", top]));
    }
    this.path = join(top, "data");
    this.canBeFilled = canBeFilled;
    this.#ballast = join(top, "ballast");
  }

  /** Takes every byte that is left. To be repeated: a node that removes an old file has room again. */
  fill(): void {
    const file = openSync(this.#ballast, "a");
    try {
      for (let block = Buffer.alloc(1024 * 1024); block.length > 0;) {
        try {
          writeSync(file, block);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          block = block.subarray(0, Math.floor(block.length / 2));
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives it back. */
  free(): void {
    rmSync(this.#ballast, { force: true });
  }
}
