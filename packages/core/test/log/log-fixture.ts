import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk } from "@holdfast/platform";
import type { Entry } from "raft-ts-lite";
import type { HoldfastError } from "../../src/errors.ts";
import { sealEntry } from "../../src/format/sealed-entry.ts";
import { WriteAheadLog, type WalOptions } from "../../src/log/write-ahead-log.ts";

const CLUSTER_ID: Buffer = Buffer.alloc(16, 7);

/** A sealed entry whose data is the same for the same (index, term, bytes). */
export function entry(index: number, term = 1, bytes = 24): Entry {
  const made: Entry = {
    type: "Normal",
    term,
    index,
    data: Buffer.alloc(bytes, (index * 31 + term * 7) % 251 || 1),
  };
  sealEntry(made, { logTime: 1_700_000_000_000 + index, epoch: 0, batches: 0 });
  return made;
}

/** Entries `[from, to]` of one term. */
export function entries(from: number, to: number, term = 1, bytes = 24): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term, bytes));
}

export interface LogUnderTest {
  readonly log: WriteAheadLog;
  readonly failures: HoldfastError[];
}

/** Opens a log with small segments. */
export async function openLog(
  disk: Disk,
  directory: string,
  options: Partial<WalOptions> = {},
): Promise<LogUnderTest> {
  const failures: HoldfastError[] = [];
  const log = await WriteAheadLog.open({
    disk,
    directory,
    segmentBytes: 16_384,
    cacheBytes: 1 << 20,
    identity: { clusterId: CLUSTER_ID, nodeId: 1, incarnation: 11 },
    bootId: "boot",
    onFailure: (error) => failures.push(error),
    ...options,
  });
  return { log, failures };
}

/** Calls `use` with a new directory, which is gone afterwards. */
export async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-log-"));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Everything that a log says of a group, for comparison. */
export async function contentOf(
  log: WriteAheadLog,
  group: number,
): Promise<{ state: unknown; entries: { index: number; term: number; data: string }[] }> {
  const found = log.group(group);
  const [first, last] = [found.firstIndex(), found.lastIndex()];
  const all: Entry[] = [];
  while (first + all.length <= last) {
    for (const each of await found.read(first + all.length, last + 1, Infinity)) all.push(each);
  }
  return {
    state: found.state,
    entries: all.map(({ index, term, data }) => ({
      index,
      term,
      data: Buffer.from(data).toString("latin1"),
    })),
  };
}
