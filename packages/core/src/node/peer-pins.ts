import type { Disk } from "@holdfast/platform";
import type { NodeId } from "raft-ts-lite";
import { z } from "zod";
import { readStateFile, writeStateFile } from "./state-file.ts";

interface Pin {
  readonly incarnation: number;
  readonly address: string;
}

type PinDisk = Pick<Disk, "readFile" | "writeFileAtomic">;

const schema = z.object({
  peers: z.array(z.object({ id: z.int(), incarnation: z.int(), address: z.string() })),
});

/**
 * The incarnation under which each peer was first met, made durable before anything that it says is believed. A peer that comes
 * back under another one has lost its log and its votes, and would break the promises that it made (trap 38).
 */
export class PeerPins {
  readonly #disk: PinDisk;
  readonly #path: string;
  readonly #pins: Map<NodeId, Pin>;
  /** Counts the changes of the pins, and those that are durable. */
  #changes = 0;
  #durable = 0;
  /** Never rejects. Settled when nothing is being written. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    disk: PinDisk,
    path: string,
    pins: readonly (Pin & { readonly id: NodeId })[],
  ) {
    this.#disk = disk;
    this.#path = path;
    this.#pins = new Map(
      pins.map(({ id, incarnation, address }) => [id, { incarnation, address }]),
    );
  }

  static async open(disk: PinDisk, directory: string): Promise<PeerPins> {
    const path = `${directory}/peers`;
    const found = await readStateFile(disk, path, schema);
    return new PeerPins(disk, path, found?.peers ?? []);
  }

  /** Whether no peer was ever met. */
  get isEmpty(): boolean {
    return this.#pins.size === 0;
  }

  /** Whether the peer was met under another incarnation. */
  contradicts(id: NodeId, incarnation: number): boolean {
    const pin = this.#pins.get(id);
    return pin !== undefined && pin.incarnation !== incarnation;
  }

  /**
   * `false`: the peer was known under another incarnation. `true`: it is the one known, or is from now on, durably. Rejects when that could not be
   * written; it is tried again whenever somebody asks to be admitted.
   */
  async admit(id: NodeId, incarnation: number, address: string): Promise<boolean> {
    const pin = this.#pins.get(id);
    if (pin !== undefined && pin.incarnation !== incarnation) return false;
    if (pin?.address !== address) {
      this.#pins.set(id, { incarnation, address });
      this.#changes += 1;
    }
    if (this.#durable < this.#changes) await this.#write();
    return true;
  }

  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      // What came first may have written this as well.
      if (this.#durable === this.#changes) return;
      const changes = this.#changes;
      const peers = [...this.#pins].map(([id, pin]) => ({ id, ...pin }));
      await writeStateFile(this.#disk, this.#path, { peers });
      this.#durable = changes;
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }
}
