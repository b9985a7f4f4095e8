import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { type DatabaseNode, HoldfastError, type HoldfastErrorCode } from "../../src/index.ts";

/** Expects a `HoldfastError` itself, not one in a wrapper, and returns its message. */
export async function refusal(work: Promise<unknown>, code: HoldfastErrorCode): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  expect(error).toMatchObject({ code });
  return error instanceof HoldfastError ? error.message : "";
}

/** Writes keys `[from, to)`, one after the other. */
export async function fill(node: DatabaseNode, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++)
    await node.db.put(`key-${String(i).padStart(4, "0")}`, `value ${i}`);
}

/** How many keys a linearizable read sees. */
export async function keyCount(node: DatabaseNode): Promise<number> {
  return (await node.db.keys().all()).length;
}

/** Hashes of all files below, by name; the lock is no data. */
export function contents(directory: string): Readonly<Record<string, string>> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith("lock"));
  const hashOf = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(path.join(directory, name)))
      .digest("hex");
  return Object.fromEntries(names.sort().map((name) => [name, hashOf(name)]));
}

/** Damages one byte; the same call again mends it. */
export function flipByte(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 0xff, offset);
  writeFileSync(file, bytes);
}

/** Resolves with the error with which a node stops itself; `events` counts how often it says so. */
export function stopOf(node: DatabaseNode): {
  readonly error: Promise<HoldfastError>;
  readonly events: HoldfastError[];
} {
  const events: HoldfastError[] = [];
  const error = new Promise<HoldfastError>((resolve) => {
    node.events.on("stopped", (reason) => {
      events.push(reason);
      resolve(reason);
    });
  });
  return { error, events };
}
