import type { Random } from "@holdfast/platform";
import { chance } from "../faults/chance.ts";

/** One operation of a batch. */
export type StoreWrite =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer };

/** A pair of a store. */
export type StorePair = readonly [key: Buffer, value: Buffer];

/** What the host keeps of one store: its state at the last flush, and the batches that were written since. */
export class StoreContent {
  readonly #flushed = new Map<string, StorePair>();
  #batches: (readonly StoreWrite[])[] = [];
  /** Batches that became part of `#flushed`, since the beginning. */
  #passed = 0;
  #bytes = 0;
  /** Writes under way: each happens or not when the process dies. */
  readonly #underWay = new Set<() => void>();

  /** The store holds the batch; the device may not. */
  add(batch: readonly StoreWrite[]): void {
    this.#batches.push(batch);
    for (const write of batch) this.#bytes += sizeOf(write);
  }

  /** Stands for all batches so far. */
  get mark(): number {
    return this.#passed + this.#batches.length;
  }

  /** Makes the batches up to the mark durable. */
  flush(mark: number): void {
    const batches = this.#batches.splice(0, Math.max(0, mark - this.#passed));
    this.#passed += batches.length;
    for (const batch of batches) for (const write of batch) this.#write(write);
  }

  #write(write: StoreWrite): void {
    const name = write.key.toString("latin1");
    const before = this.#flushed.get(name);
    // Only now is what it replaces gone from the device.
    if (before !== undefined) this.#bytes -= before[0].length + before[1].length;
    if (write.type === "put") this.#flushed.set(name, [write.key, write.value]);
    else {
      this.#flushed.delete(name);
      this.#bytes -= sizeOf(write);
    }
  }

  /** Begins something that is to happen later; returns what carries it out, unless the process died before: then it has happened or not. */
  begin(happen: () => void): () => void {
    this.#underWay.add(happen);
    return () => {
      if (this.#underWay.delete(happen)) happen();
    };
  }

  /** The process died. With `power`, any of the batches since the last flush are gone. */
  crash(power: boolean, random: Random): void {
    for (const happen of this.#underWay) if (chance(random, 0.5)) happen();
    this.#underWay.clear();
    if (!power) return;
    const keep = [0, 0.2, 0.5, 0.9, 1][random.integer(0, 5)] ?? 0.5;
    const kept = this.#batches.filter(() => chance(random, keep));
    this.#replaceBatches(kept);
  }

  /** Goes back to the last flush. */
  forgetUnflushed(): void {
    this.#replaceBatches([]);
  }

  #replaceBatches(batches: (readonly StoreWrite[])[]): void {
    for (const batch of this.#batches) for (const write of batch) this.#bytes -= sizeOf(write);
    this.#batches = [];
    for (const batch of batches) this.add(batch);
  }

  /** Everything that a process finds, as batches to be written in this order. */
  *all(): Generator<readonly StoreWrite[]> {
    yield [...this.#flushed.values()].map(([key, value]) => ({ type: "put", key, value }));
    yield* this.#batches;
  }

  /** Bytes of keys and values, those that were replaced since the last flush included. */
  get bytes(): number {
    return this.#bytes;
  }
}

function sizeOf(write: StoreWrite): number {
  return write.key.length + (write.type === "put" ? write.value.length : 0);
}
