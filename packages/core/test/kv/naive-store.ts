import type { Command } from "../../src/format/sealed-batch.ts";
import {
  batchCommand,
  clearCommand,
  deleteCommand,
  putCommand,
  type ClearRange,
  type KvCommand,
  type KvOperation,
} from "../../src/kv/kv-commands.ts";
import { compareRevisions, type Revision } from "../../src/kv/value-header.ts";

/** A command of the store that makes sense. */
export type SoundCommand = Exclude<KvCommand, { readonly type: "malformed" }>;

/** What the naive store knows of a key. */
export interface NaiveValue {
  readonly value: Buffer;
  readonly create: Revision;
  readonly modify: Revision;
}

/** The store's twin: a map, and for a clear all keys sorted. */
export class NaiveStore {
  readonly keys: Map<string, NaiveValue>;

  constructor(keys: ReadonlyMap<string, NaiveValue> = new Map()) {
    this.keys = new Map(keys);
  }

  /** Applies one command and returns the value of its result. */
  apply(command: SoundCommand, revision: Revision): unknown {
    switch (command.type) {
      case "put":
      case "delete":
        this.#operate(command, revision);
        return undefined;
      case "batch":
        for (const operation of command.operations) this.#operate(operation, revision);
        return undefined;
      case "clear":
        return this.#clear(command.range, revision);
    }
  }

  #operate(operation: KvOperation, revision: Revision): void {
    const name = nameOf(operation.key);
    if (operation.type === "delete") {
      this.keys.delete(name);
      return;
    }
    const create = this.keys.get(name)?.create ?? revision;
    this.keys.set(name, { value: Buffer.from(operation.value), create, modify: revision });
  }

  #clear({ reverse, limit, before, ...bounds }: ClearRange, revision: Revision): unknown {
    const inRange = [...this.keys.keys()]
      .map((name) => Buffer.from(name, "latin1"))
      .filter(
        (key) =>
          (bounds.gte === undefined || key.compare(bounds.gte) >= 0) &&
          (bounds.gt === undefined || key.compare(bounds.gt) > 0) &&
          (bounds.lte === undefined || key.compare(bounds.lte) <= 0) &&
          (bounds.lt === undefined || key.compare(bounds.lt) < 0),
      )
      .sort((a, b) => a.compare(b));
    if (reverse === true) inRange.reverse();
    let removed = 0;
    for (const key of inRange.slice(0, limit)) {
      const modify = this.keys.get(nameOf(key))?.modify ?? revision;
      if (before !== undefined && compareRevisions(modify, before) >= 0) continue;
      this.keys.delete(nameOf(key));
      removed++;
    }
    const next = inRange[limit ?? inRange.length];
    return { revision, removed, ...(next && { next }) };
  }
}

/** The command as it stands in the log. */
export function encodeCommand(command: SoundCommand): Command {
  switch (command.type) {
    case "put":
      return putCommand(command.key, command.value);
    case "delete":
      return deleteCommand(command.key);
    case "batch":
      return batchCommand(command.operations);
    case "clear":
      return clearCommand(command.range);
  }
}

/** A key as the naive store names it. */
export function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
