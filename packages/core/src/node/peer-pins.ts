import type { Disk } from "@holdfast/platform";
import type { NodeId } from "raft-ts-lite";
import { z } from "zod";
import { readStateFile, writeStateFile } from "./state-file.ts";

interface Pin {
  readonly incarnation: number;
  readonly address: string;
}

const schema = z.object({
  peers: z.array(z.object({ id: z.int(), incarnation: z.int(), address: z.string() })),
});

/**
 * The incarnation under which each peer was first met, made durable before anything that it says is believed. A peer that comes
 * back under another one has lost its log and its votes, and would break the promises that it made (trap 38).
 */
export class PeerPins {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #pins: Map<NodeId, Pin>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, path: string, pins: readonly (Pin & { readonly id: NodeId })[]) {
    this.#disk = disk;
    this.#path = path;
    this.#pins = new Map(
      pins.map(({ id, incarnation, address }) => [id, { incarnation, address }]),
    );
  }

  static async open(disk: Disk, directory: string): Promise<PeerPins> {
    const path = `${directory}/peers`;
    const found = await readStateFile(disk, path, schema);
    return new PeerPins(disk, path, found?.peers ?? []);
  }

  /** Whether no peer was ever met. */
  get isEmpty(): boolean {
    return this.#pins.size === 0;
  }

  /** `false`: the peer was known under another incarnation. `true`: it is the one known, or is from now on, durably. */
  async admit(id: NodeId, incarnation: number, address: string): Promise<boolean> {
    const pin = this.#pins.get(id);
    if (pin !== undefined && pin.incarnation !== incarnation) return false;
    if (pin?.address !== address) {
      this.#pins.set(id, { incarnation, address });
      await this.#write();
    } else {
      await this.#writing;
    }
    return true;
  }

  async #write(): Promise<void> {
    const write = async (): Promise<void> => {
      const peers = [...this.#pins].map(([id, pin]) => ({ id, ...pin }));
      await writeStateFile(this.#disk, this.#path, { peers });
    };
    this.#writing = this.#writing.then(write);
    await this.#writing;
  }
}
