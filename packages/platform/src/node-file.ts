import type { FileHandle } from "node:fs/promises";
import type { AppendThread } from "./append-thread.ts";
import { toDiskError } from "./disk-error.ts";
import type { DiskFile } from "./disk.ts";
import { DiskError } from "./errors.ts";

/** A {@link DiskFile} over a descriptor; only `appendAndSync` leaves libuv's pool for the disk's own thread. */
export class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #thread: AppendThread;
  readonly #number: number;
  readonly #running = new Set<Promise<unknown>>();
  /** The first failed append or sync. From then on nothing is durable for certain, so nothing more is written. */
  #failure: DiskError | undefined;
  /** Once a file was appended to, all its syncs run on the append thread: see `sync`. */
  #appended = false;
  /** The syncs that began on the pool, before the first append. */
  #poolSyncs: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, thread: AppendThread) {
    this.#path = path;
    this.#handle = handle;
    this.#thread = thread;
    this.#number = thread.register();
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#run("read", async () => {
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await this.#handle.read(bytes, done, length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done === length ? bytes : bytes.slice(0, done);
    });
  }

  write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#change("write", async () => {
      let at = position;
      let rest = buffers.filter((buffer) => buffer.length > 0);
      while (rest.length > 0) {
        const { bytesWritten } = await this.#handle.writev(rest, at);
        if (bytesWritten === 0) throw new Error("the device accepts no more bytes");
        at += bytesWritten;
        rest = after(rest, bytesWritten);
      }
    });
  }

  appendAndSync(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#durable("append to", async () => {
      const poolSyncs = this.#poolSyncs;
      this.#appended = true;
      await this.#thread.append(this.#number, this.#handle.fd, position, buffers);
      await poolSyncs;
    });
  }

  /**
   * The system tells of a failed write-back once per open file. With two syncs at a time, one would hear of it and the other
   * would succeed, although its bytes are lost. So a log syncs on one thread; a file that is only written and synced stays on the
   * pool, where its long sync does not hold up the log.
   */
  sync(): Promise<void> {
    return this.#durable("sync", async () => {
      if (this.#appended) {
        await this.#thread.append(this.#number, this.#handle.fd, 0, []);
        return;
      }
      const all = Promise.all([this.#poolSyncs, this.#handle.datasync()]);
      this.#poolSyncs = all;
      await all;
    });
  }

  truncate(size: number): Promise<void> {
    return this.#change("truncate", () => this.#handle.truncate(size));
  }

  size(): Promise<number> {
    return this.#run("stat", async () => (await this.#handle.stat()).size);
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    // The number of a closed descriptor goes to the next file that is opened: nobody may still be writing to it.
    await Promise.allSettled(this.#running);
    this.#thread.forget(this.#number);
    try {
      await this.#handle.close();
    } catch (cause) {
      throw toDiskError(cause, "close", this.#path);
    }
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

/** What is left of `buffers` behind their first `count` bytes. */
function after(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip >= buffer.length) {
      skip -= buffer.length;
    } else {
      rest.push(buffer.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
