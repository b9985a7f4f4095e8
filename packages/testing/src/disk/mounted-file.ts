import { DiskError, type DiskFile } from "@holdfast/platform";
import type { SimulatedProcess } from "../world/process.ts";
import type { Device } from "./device.ts";
import type { StoredFile } from "./stored-file.ts";
import { toDiskError } from "./system-error.ts";

/** What an open file needs of the disk that it was opened on. */
export interface FileMount {
  readonly device: Device;
  readonly process: SimulatedProcess;
  /** Carries out one thing after the other. Rejects when the disk is closed. */
  append(path: string, work: () => Promise<void>): Promise<void>;
}

/** An open file of a simulated disk. */
export class MountedFile implements DiskFile {
  readonly #mount: FileMount;
  readonly #path: string;
  readonly #file: StoredFile;
  readonly #running = new Set<Promise<unknown>>();
  /** The first failed append or sync. */
  #failure: DiskError | undefined;
  #appended = false;
  #closed: Promise<void> | undefined;

  constructor(mount: FileMount, path: string, file: StoredFile) {
    this.#mount = mount;
    this.#path = path;
    this.#file = file;
  }

  read(position: number, length: number): Promise<Uint8Array> {
    const { device, process } = this.#mount;
    return this.#run("read", () =>
      device.perform(
        process,
        device.duration("read"),
        () => device.read(this.#file, this.#path, position, length),
        () => undefined,
      ),
    );
  }

  write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    const { device, process } = this.#mount;
    return this.#change("write", () =>
      device.perform(
        process,
        device.duration("write"),
        () => {
          // Only now: what the caller changes before is seen.
          device.write(this.#file, this.#path, position, Buffer.concat(buffers));
        },
        () => {
          device.writePart(this.#file, position, Buffer.concat(buffers));
        },
      ),
    );
  }

  appendAndSync(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    this.#appended = true;
    return this.#durable("append to", () =>
      this.#mount.append(this.#path, () => this.#append(position, buffers)),
    );
  }

  #append(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    // Calls that were queued behind a failed one are not carried out.
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { device, process } = this.#mount;
    const file = this.#file;
    return device.perform(
      process,
      device.duration("write") + device.syncDuration(this.#path),
      () => {
        device.write(file, this.#path, position, Buffer.concat(buffers));
        device.sync(file, this.#path, file.mark);
      },
      () => {
        device.writePart(file, position, Buffer.concat(buffers));
      },
    );
  }

  sync(): Promise<void> {
    // As the real one: behind the appends, so that two syncs do not share one report of a failure.
    if (this.#appended) return this.appendAndSync(0, []);
    const { device, process } = this.#mount;
    const { mark } = this.#file;
    return this.#durable("sync", () =>
      device.perform(process, device.syncDuration(this.#path), () => {
        device.sync(this.#file, this.#path, mark);
      }),
    );
  }

  truncate(size: number): Promise<void> {
    const { device, process } = this.#mount;
    return this.#change("truncate", () =>
      device.perform(process, device.duration("write"), () => {
        this.#file.truncate(size);
      }),
    );
  }

  size(): Promise<number> {
    const { device, process } = this.#mount;
    return this.#run("stat", () =>
      device.perform(process, device.duration("names"), () => this.#file.size),
    );
  }

  close(): Promise<void> {
    this.#closed ??= Promise.allSettled(this.#running).then(() => undefined);
    return this.#closed;
  }

  /** A change that promises durability: its failure is the last thing that this file ever writes. */
  #durable(verb: string, work: () => Promise<void>): Promise<void> {
    return this.#change(verb, async () => {
      try {
        await work();
      } catch (cause) {
        this.#failure ??= toDiskError(cause, verb, this.#path);
        throw this.#failure;
      }
    });
  }

  #change(verb: string, work: () => Promise<void>): Promise<void> {
    return this.#failure === undefined ? this.#run(verb, work) : Promise.reject(this.#failure);
  }

  async #run<T>(verb: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw new DiskError("IO", this.#path, `cannot ${verb} ${this.#path} (the file is closed)`);
    }
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } catch (cause) {
      throw toDiskError(cause, verb, this.#path);
    } finally {
      this.#running.delete(running);
    }
  }
}
