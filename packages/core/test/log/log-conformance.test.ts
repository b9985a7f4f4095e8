import { type ConfState, MemoryLogStorage } from "raft-ts-lite";
import { describe, test } from "vitest";
import { logStorageSuite, type LogStorageUnderTest } from "../../src/conformance.ts";
import { sealEntry } from "../../src/format/sealed-entry.ts";
import { openLog } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";

const GROUP = 3;
const OTHER_GROUP = 4;
let clock = 0;

async function onDisk(cacheBytes: number, disk = new MemoryDisk()): Promise<LogStorageUnderTest> {
  const { log } = await openLog(disk, "wal", { cacheBytes });
  const storage = log.group(GROUP);
  return {
    storage,
    append: (entries) => {
      for (const entry of entries) sealEntry(entry, { logTime: 1, epoch: 0, batches: 0 });
      return log.append({ group: GROUP, entries });
    },
    setHardState: (hardState) => log.append({ group: GROUP, hardState }),
    restart: (snapshot) => log.append({ group: GROUP, snapshot }),
    compact: (index) => {
      log.compact(GROUP, index);
      // In the same frame: when this is written, so is that.
      clock += 1;
      return log.append({ group: OTHER_GROUP, hardState: { term: clock, vote: 0, commit: 0 } });
    },
    fetch: () => storage.fetch(),
    reopen: async () => {
      await log.close();
      return await onDisk(cacheBytes, disk);
    },
    close: () => log.close(),
  };
}

function inMemory(): Promise<LogStorageUnderTest> {
  const storage = new MemoryLogStorage();
  const none = new Uint8Array(0);
  const confState = (): ConfState => storage.initialState().confState;
  const later = (step: () => void): Promise<void> => Promise.resolve().then(step);
  return Promise.resolve({
    storage,
    append: (entries) => later(() => storage.append(entries)),
    setHardState: (hardState) => later(() => storage.setHardState(hardState)),
    restart: (metadata) => later(() => storage.applySnapshot({ metadata, data: none })),
    compact: (index) =>
      later(() => {
        storage.createSnapshot(index, confState(), none);
        storage.compact(index);
      }),
    fetch: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
}

describe("MemoryLogStorage is a log storage", () => {
  logStorageSuite({ test, create: inMemory });
});

describe("GroupLog is a log storage", () => {
  logStorageSuite({ test, create: () => onDisk(1 << 20) });
});

describe("GroupLog with its entries on the disk only is a log storage", () => {
  logStorageSuite({ test, create: () => onDisk(0) });
});
