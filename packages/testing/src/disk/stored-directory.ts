import type { Random } from "@holdfast/platform";
import { chance } from "../faults/chance.ts";
import { keepProbability, type StoredFile } from "./stored-file.ts";

/** What a name leads to. */
export type StoredNode = StoredFile | StoredDirectory;

/** A step that changes one directory, or two when something moves; after a power cut all of it is there or nothing. */
export interface NameChange {
  kept: boolean | undefined;
}

interface Part {
  readonly change: NameChange;
  readonly name: string;
  readonly node: StoredNode | undefined;
}

/** A directory as programs see it, and as the device holds it. */
export class StoredDirectory {
  #visible = new Map<string, StoredNode>();
  #durable = new Map<string, StoredNode>();
  #pending: Part[] = [];

  /** Sorted. */
  names(): string[] {
    return [...this.#visible.keys()].sort();
  }

  get(name: string): StoredNode | undefined {
    return this.#visible.get(name);
  }

  /** Lets a name lead to something, or to nothing. */
  set(name: string, node: StoredNode | undefined, change: NameChange): void {
    put(this.#visible, name, node);
    this.#pending.push({ change, name, node });
  }

  sync(): void {
    this.#settle(() => true);
  }

  /** Of the changes that were not synced, each is there or is not. Says how many are not. */
  afterPowerLoss(random: Random): number {
    if (this.#pending.length === 0) return 0;
    const keep = keepProbability(random);
    const lost = this.#settle(() => chance(random, keep));
    this.#visible = new Map(this.#durable);
    return lost;
  }

  #settle(keeps: () => boolean): number {
    let lost = 0;
    for (const { change, name, node } of this.#pending) {
      change.kept ??= keeps();
      if (change.kept) put(this.#durable, name, node);
      else lost += 1;
    }
    this.#pending = [];
    return lost;
  }

  /** What is in it, by name. */
  entries(): readonly (readonly [name: string, node: StoredNode])[] {
    return this.names().flatMap((name) => {
      const node = this.#visible.get(name);
      return node === undefined ? [] : [[name, node] as const];
    });
  }
}

function put(names: Map<string, StoredNode>, name: string, node: StoredNode | undefined): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}
