import { HoldfastError } from "../errors.ts";
import type { Command } from "../format/sealed-batch.ts";
import type { DatabasePort } from "./port.ts";

type Item = { settled: boolean } | HeldWrite;

interface HeldWrite {
  readonly bytes: number;
  readonly release: () => void;
}

/**
 * Keeps writes behind the captures that were begun before them. A capture is settled when its read index has arrived and, if it was
 * too old, another one was taken; a write that was proposed before that could be in the index or in the second capture, and the
 * iterator would show what was written after it was made, which Level promises it does not.
 */
export class CallOrder {
  readonly #port: DatabasePort;
  /** In the order of the calls. Begins with a capture that is not settled, or is empty. */
  #waiting: Item[] = [];
  #heldBytes = 0;

  constructor(port: DatabasePort) {
    this.#port = port;
  }

  /** Writes that are proposed from here on wait until `settled` has ended, in whatever way. */
  captured(settled: Promise<unknown>): void {
    const item = { settled: false };
    this.#waiting.push(item);
    const release = (): void => {
      item.settled = true;
      this.#release();
    };
    settled.then(release, release);
  }

  /** As `DatabasePort.propose`. Commands are handed on in the order of the calls. */
  propose(command: Command): Promise<unknown> {
    return this.inOrder(command.body.length, () => this.#port.propose(command));
  }

  /** Calls `propose`, which takes a command with `bytes` in its body, in the order of the calls. */
  async inOrder<T>(bytes: number, propose: () => Promise<T>): Promise<T> {
    if (this.#waiting.length === 0) return await propose();
    const { maxPendingBytes } = this.#port.limits;
    if (this.#heldBytes + bytes > maxPendingBytes) {
      throw new HoldfastError(
        "OVERLOADED",
        `more than maxPendingBytes (${maxPendingBytes}) wait for an iterator or snapshot to be confirmed: slow down`,
      );
    }
    this.#heldBytes += bytes;
    return await new Promise<T>((resolve) => {
      const release = (): void => resolve(propose());
      this.#waiting.push({ bytes, release });
    });
  }

  #release(): void {
    let released = 0;
    for (const item of this.#waiting) {
      if ("settled" in item) {
        if (!item.settled) break;
      } else {
        this.#heldBytes -= item.bytes;
        item.release();
      }
      released++;
    }
    this.#waiting.splice(0, released);
  }
}
