import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const IMAGE_BYTES = 160 * 1024 * 1024;

/** A file system of its own in a file, so that its unwritten pages can be lost. */
export interface LoopImage {
  /** Where it is mounted. */
  readonly path: string;
  /** What a power cut at this moment would leave: a copy of what has reached the image, mounted elsewhere. */
  cut(): LoopImage;
  unmount(): void;
}

/** Makes and mounts images; `remove` leaves nothing of them, whatever happened before. */
export class LoopImages {
  readonly #root: string = mkdtempSync(join(tmpdir(), "holdfast-power-cut-"));
  readonly #mounted = new Set<string>();
  #images = 0;

  /** A fresh ext4. */
  make(): LoopImage {
    const file = this.#nextFile();
    run("truncate", "-s", String(IMAGE_BYTES), file);
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", file);
    return this.#mount(file);
  }

  remove(): void {
    for (const path of this.#mounted) run("umount", "--lazy", path);
    this.#mounted.clear();
    rmSync(this.#root, { recursive: true, force: true });
  }

  #mount(file: string): LoopImage {
    const path = `${file}.mounted`;
    mkdirSync(path);
    run("mount", "-o", "loop", file, path);
    this.#mounted.add(path);
    return {
      path,
      cut: () => {
        const copy = this.#nextFile();
        run("cp", "--sparse=always", file, copy);
        return this.#mount(copy);
      },
      unmount: () => {
        if (!this.#mounted.has(path)) return;
        run("umount", path);
        this.#mounted.delete(path);
        rmSync(file);
      },
    };
  }

  #nextFile(): string {
    return join(this.#root, `disk-${++this.#images}.img`);
  }
}

/** Why this machine cannot mount an image; `undefined` when it can. */
export function whyNoLoopImages(): string | undefined {
  if (process.getuid?.() !== 0) return "mounting an image needs root";
  const images = new LoopImages();
  try {
    images.make().unmount();
    return undefined;
  } catch (error) {
    return `an ext4 image cannot be made and mounted here: ${String(error).split("\n", 1)[0] ?? ""}`;
  } finally {
    images.remove();
  }
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
}
