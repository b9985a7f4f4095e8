import type { Timer } from "@holdfast/platform";

/** Something that is to happen. */
export interface SimulatedEvent {
  readonly at: number;
  readonly callback: () => void;
}

interface Entry extends SimulatedEvent {
  readonly order: number;
  cancelled: boolean;
}

/** Events by time, and at the same time in the order in which they were added: a binary heap. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Returns the way to take the event back. */
  add(at: number, callback: () => void): Timer {
    const entry: Entry = { at, callback, order: this.#order++, cancelled: false };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  get nextAt(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.at;
  }

  /** Takes the first event out. */
  take(): SimulatedEvent | undefined {
    this.#dropCancelled();
    return this.#pop();
  }

  #dropCancelled(): void {
    while (this.#heap[0]?.cancelled === true) this.#pop();
  }

  #pop(): Entry | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    this.#heap[0] = last;
    this.#sink();
    return first;
  }

  #rise(from: number): void {
    const heap = this.#heap;
    let at = from;
    const entry = heap[at];
    if (entry === undefined) return;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #sink(): void {
    const heap = this.#heap;
    const entry = heap[0];
    if (entry === undefined) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      if (left === undefined) break;
      const right = heap[2 * at + 2];
      const rightFirst = right !== undefined && isBefore(right, left);
      const child = rightFirst ? right : left;
      if (!isBefore(child, entry)) break;
      heap[at] = child;
      at = 2 * at + (rightFirst ? 2 : 1);
    }
    heap[at] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
