import type { AbstractLevel } from "abstract-level";
import { ClassicLevel } from "classic-level";
import type { Disk } from "@holdfast/platform";
import { HoldfastError } from "../errors.ts";
import type { StateMachineContext } from "../machine/state-machine.ts";

/** A database whose default encodings are `buffer`, and which has explicit snapshots. */
export type StoreLevel = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;

/** Operations of a {@link StoreLevel} that are written in one atomic step. */
export type StoreBatch = ReturnType<StoreLevel["batch"]>;

/** An open store, as the state machine needs it. */
export interface Store {
  readonly level: StoreLevel;
  /**
   * Makes every batch that was written before the call durable. What is lost after that is lost from the end: the store comes
   * back as it was after some later batch, or as it was at this call.
   */
  flush(): Promise<void>;
  /** Bytes on disk. */
  sizeBytes(): Promise<number>;
}

/** Opens stores at a location. The built-in one is {@link classicLevelEngine}. */
export interface StoreEngine {
  /**
   * Opens the store at `context.location`, or makes an empty one, durably. When `context.lostUnsynced` is set, the store goes back to its last
   * flush. The caller closes `level`.
   */
  open(context: StateMachineContext): Promise<Store>;
}

/** Settings of {@link classicLevelEngine}. */
export interface ClassicLevelSettings {
  /** Compress blocks with Snappy. Saves disk where values repeat themselves; halves the throughput. @defaultValue `false` */
  readonly compression?: boolean;
  /** Cache of uncompressed blocks. Larger: fewer reads from disk, more memory. @defaultValue 8 MiB */
  readonly cacheBytes?: number;
  /**
   * Size of the table in memory before it is written out. Larger: fewer and longer flushes and compactions, more memory (there may be two), more of
   * LevelDB's log to read after a crash of the process. Compactions cost more than all else here: every table holds the meta record and new keys,
   * so each overlaps all of the next level. @defaultValue 32 MiB
   */
  readonly writeBufferBytes?: number;
}

/** Says that a store was made completely; see {@link prepareDirectory}. */
const MARK = "HOLDFAST";
const MARK_CONTENT = Buffer.from("store of Holdfast, version 1\n");

/** No space begins with this byte, so a compaction of it has nothing to do but to flush the table in memory. */
const BEHIND_ALL = Buffer.from([0xff]);

/** LevelDB, through `classic-level`. */
export function classicLevelEngine(settings: ClassicLevelSettings = {}): StoreEngine {
  const options = {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: settings.compression ?? false,
    cacheSize: settings.cacheBytes ?? 8 * 1024 * 1024,
    writeBufferSize: settings.writeBufferBytes ?? 32 * 1024 * 1024,
  };
  return {
    async open(context) {
      const { location } = context;
      const { disk } = context.platform;
      const complete = await prepareDirectory(disk, context);
      // Not made before: a database of abstract-level begins to open by itself in the turn after.
      const level = new ClassicLevel<Buffer, Buffer>(location, options);
      await openLevel(level, location);
      if (!complete) await markComplete(disk, location);
      return {
        level,
        flush: () => flush(level, disk, location),
        sizeBytes: () => directoryBytes(disk, location),
      };
    },
  };
}

async function openLevel(level: ClassicLevel<Buffer, Buffer>, location: string): Promise<void> {
  try {
    await level.open();
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new HoldfastError(
      "CORRUPT",
      `store (${location}) cannot be opened: ${why}; restore it from a copy, or remove the member and add a new one`,
      { cause },
    );
  }
}

/** Takes away what LevelDB must not see, and says whether there is a complete store. */
async function prepareDirectory(
  disk: Disk,
  { location, lostUnsynced }: StateMachineContext,
): Promise<boolean> {
  const names = await disk.list(location);
  if (!names.includes(MARK)) {
    // LevelDB does not sync its very first files, so after a power cut they may be empty and it would refuse them for ever. Without
    // the mark nothing was ever applied here: start again. Tables can only come from a flush, so with them something else is wrong.
    if (names.some((name) => name.endsWith(".ldb") || name.endsWith(".sst"))) {
      throw new HoldfastError("CORRUPT", `store (${location}) has tables but no file (${MARK})`);
    }
    for (const name of names) await disk.remove(`${location}/${name}`);
    return false;
  }
  if (lostUnsynced) {
    // LevelDB syncs its tables and their list, but its logs only at synced writes, and a rotated log never: what an OS crash left of
    // them is not a prefix of what was written. Without the logs the store is exactly what it was at the last flush.
    for (const name of await logs(disk, location)) await disk.remove(`${location}/${name}`);
    await disk.syncDirectory(location);
  }
  return true;
}

/** Makes the renames of LevelDB's creation durable, then says so. */
async function markComplete(disk: Disk, location: string): Promise<void> {
  await disk.syncDirectory(location);
  await disk.writeFileAtomic(`${location}/${MARK}`, MARK_CONTENT);
}

async function flush(
  level: ClassicLevel<Buffer, Buffer>,
  disk: Disk,
  location: string,
): Promise<void> {
  const before = await logs(disk, location);
  await level.compactRange(BEHIND_ALL, BEHIND_ALL);
  // compactRange keeps a failure to itself. But LevelDB removes a log only when all of it is in synced tables.
  const left = new Set(await logs(disk, location));
  const stuck = before.find((name) => left.has(name));
  if (stuck === undefined) return;
  throw new HoldfastError(
    "STOPPED",
    `store (${location}) could not be flushed: (${stuck}) is still needed; its file (LOG) says why`,
  );
}

async function logs(disk: Disk, location: string): Promise<readonly string[]> {
  return (await disk.list(location)).filter((name) => name.endsWith(".log"));
}

async function directoryBytes(disk: Disk, location: string): Promise<number> {
  let total = 0;
  for (const name of await disk.list(location)) {
    // LevelDB removes files while we look.
    total += (await disk.stat(`${location}/${name}`))?.size ?? 0;
  }
  return total;
}
