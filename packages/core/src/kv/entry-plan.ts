import { HoldfastError } from "../errors.ts";
import { asBuffer } from "../format/bytes.ts";
import type { CommandResult, CommittedEntry } from "../machine/state-machine.ts";
import { planClear } from "./clear-plan.ts";
import { EntryWrites } from "./entry-writes.ts";
import {
  decodeCommand,
  type ClearResult,
  type KvCommand,
  type KvOperation,
} from "./kv-commands.ts";
import type { StoreLevel } from "./store-engine.ts";
import { dataKey } from "./store-keys.ts";
import { type KnownHeaders, readValueHeader, type Revision } from "./value-header.ts";

/** An entry with its commands read. */
export interface DecodedEntry {
  readonly entry: CommittedEntry;
  readonly commands: readonly KvCommand[];
}

/** The result of every command that has nothing to say. */
const DONE: CommandResult = Object.freeze({ ok: true, value: undefined });

/** Reads the commands of an entry. Throws `UNSUPPORTED` for an unknown kind. */
export function decodeEntry(entry: CommittedEntry): DecodedEntry {
  return { entry, commands: entry.commands.map(decodeCommand) };
}

/** A key as it is known in {@link KnownHeaders}. */
function nameOf(key: Uint8Array): string {
  return asBuffer(key).toString("latin1");
}

/**
 * Reads the headers of the keys that `entries` put, all in one call: a put keeps the create revision of what it replaces. A key that
 * one of the entries wrote before needs no reading.
 */
export async function readHeaders(
  level: StoreLevel,
  entries: readonly DecodedEntry[],
): Promise<KnownHeaders> {
  const written = new Set<string>();
  const names: string[] = [];
  const keys: Buffer[] = [];
  for (const operation of operationsOf(entries)) {
    const name = nameOf(operation.key);
    if (written.has(name)) continue;
    written.add(name);
    if (operation.type === "delete") continue;
    names.push(name);
    keys.push(dataKey(operation.key));
  }
  const known: KnownHeaders = new Map();
  if (keys.length === 0) return known;
  const stored = await level.getMany(keys);
  names.forEach((name, i) => {
    const value = stored[i];
    known.set(name, value === undefined ? undefined : readValueHeader(value));
  });
  return known;
}

function* operationsOf(entries: readonly DecodedEntry[]): Generator<KvOperation> {
  for (const { commands } of entries) {
    for (const command of commands) {
      if (command.type === "put" || command.type === "delete") yield command;
      else if (command.type === "batch") yield* command.operations;
    }
  }
}

/** What the commands of an entry write and answer. `known` is brought up to date. */
export interface EntryPlan {
  readonly writes: EntryWrites;
  readonly results: readonly CommandResult[];
}

/** Carries out an entry's commands on `known`, the store and each other, without writing yet. */
export async function planEntry(
  level: StoreLevel,
  { entry, commands }: DecodedEntry,
  known: KnownHeaders,
  hashBefore: Uint8Array,
): Promise<EntryPlan> {
  const writes = new EntryWrites(hashBefore, entry, expectedBytes(commands));
  const results: CommandResult[] = [];
  for (const [position, command] of commands.entries()) {
    const revision: Revision = { index: entry.index, position };
    switch (command.type) {
      case "put":
      case "delete":
        planOperation(writes, known, command, revision);
        results.push(DONE);
        break;
      case "batch":
        for (const operation of command.operations) {
          planOperation(writes, known, operation, revision);
        }
        results.push(DONE);
        break;
      case "clear": {
        const { removed, next } = await planClear(level, command.range, known);
        for (const key of removed) {
          planOperation(writes, known, { type: "delete", key }, revision);
        }
        const value: ClearResult = { revision, removed: removed.length, ...(next && { next }) };
        results.push({ ok: true, value });
        break;
      }
      case "malformed":
        results.push({ ok: false, error: new HoldfastError("CORRUPT", command.reason) });
        break;
    }
  }
  return { writes, results };
}

function planOperation(
  writes: EntryWrites,
  known: KnownHeaders,
  operation: KvOperation,
  revision: Revision,
): void {
  const name = nameOf(operation.key);
  if (operation.type === "delete") {
    known.set(name, undefined);
    writes.delete(operation.key);
    return;
  }
  const header = { create: known.get(name)?.create ?? revision, modify: revision };
  known.set(name, header);
  writes.put(operation.key, header, operation.value);
}

function expectedBytes(commands: readonly KvCommand[]): number {
  let bytes = 0;
  for (const command of commands) {
    if (command.type === "batch") {
      for (const operation of command.operations) bytes += operationBytes(operation);
    } else if (command.type === "put" || command.type === "delete") {
      bytes += operationBytes(command);
    }
  }
  return bytes;
}

function operationBytes(operation: KvOperation): number {
  return operation.type === "put"
    ? EntryWrites.putBytes(operation.key, operation.value)
    : EntryWrites.deleteBytes(operation.key);
}
