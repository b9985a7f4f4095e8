import type { HoldfastError } from "../errors.ts";

interface PendingChange {
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

/** Changes of members that were proposed here and are not applied yet, by the number they are recognised by. */
export class ChangeQueue {
  readonly #pending = new Map<number, PendingChange>();
  #sequence = 0;
  readonly #applied: number[] = [];

  /** A number that no other change of this life has. */
  next(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** Waits until change `sequence` is settled. */
  add(sequence: number, deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.set(sequence, { deadline, resolve, reject });
    });
  }

  /** Change `sequence` was applied; {@link ChangeQueue.settle} says so to whoever waits. */
  applied(sequence: number): void {
    this.#applied.push(sequence);
  }

  /** To be called once the core knows what was applied: before, it would refuse the next change. */
  settle(): void {
    for (const sequence of this.#applied.splice(0)) {
      const change = this.#pending.get(sequence);
      this.#pending.delete(sequence);
      change?.resolve();
    }
  }

  /** Rejects what is overdue at `now`. */
  expire(now: number, error: () => HoldfastError): void {
    for (const [sequence, change] of this.#pending) {
      if (change.deadline > now) break;
      this.#pending.delete(sequence);
      change.reject(error());
    }
  }

  failAll(error: () => HoldfastError): void {
    this.expire(Infinity, error);
  }
}
