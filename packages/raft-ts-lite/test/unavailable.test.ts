// A storage that does not hold everything in memory answers UNAVAILABLE, fetches, and calls entriesFetched.
import { expect, test } from "vitest";
import {
  StorageError,
  type Entry,
  type HardState,
  type LogStorage,
  type MemoryLogStorage,
  type RaftConfig,
  type Snapshot,
  type ConfState,
} from "../src/index.ts";
import { append, Cluster, START, START_TERM } from "./cluster.ts";

/** Entries below `cold` have to be fetched. */
class ColdStorage implements LogStorage {
  readonly #inner: MemoryLogStorage;
  cold = 0;
  /** What was asked for in vain. */
  misses: number[] = [];

  constructor(inner: MemoryLogStorage) {
    this.#inner = inner;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.#inner.initialState();
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    if (lo < this.cold) {
      this.misses.push(lo);
      throw new StorageError("UNAVAILABLE", `entry (${lo}) is being fetched`);
    }
    return this.#inner.entries(lo, hi, maxBytes);
  }

  term(index: number): number {
    return this.#inner.term(index);
  }

  firstIndex(): number {
    return this.#inner.firstIndex();
  }

  lastIndex(): number {
    return this.#inner.lastIndex();
  }

  snapshot(): Snapshot {
    return this.#inner.snapshot();
  }
}

function coldCluster(settings: Partial<RaftConfig> = {}): [Cluster, Map<number, ColdStorage>] {
  const storages = new Map<number, ColdStorage>();
  let next = 1;
  const cluster = new Cluster({
    voters: [1, 2, 3],
    settings,
    storage: (inner) => {
      const storage = new ColdStorage(inner);
      storages.set(next, storage);
      next += 1;
      return storage;
    },
  });
  return [cluster, storages];
}

test("a leader skips sending what it has to fetch, and sends it once it is there", () => {
  const [cluster, storages] = coldCluster();
  cluster.elect(1);
  cluster.isolate(3);
  for (const one of ["a", "b", "c"]) cluster.propose(1, one);
  cluster.settle();
  const own = storages.get(1);
  if (own === undefined) throw new Error("no storage");
  own.cold = START + 4;
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(own.misses).not.toEqual([]);
  expect(cluster.texts(3)).toEqual([]);
  // Nothing spins meanwhile, and the others are served.
  expect(cluster.node(1).hasReady()).toBe(false);
  cluster.propose(1, "d");
  cluster.settle();
  expect(cluster.texts(2)).toEqual(["a", "b", "c", "d"]);
  own.cold = 0;
  cluster.node(1).entriesFetched();
  cluster.settle();
  expect(cluster.texts(3)).toEqual(["a", "b", "c", "d"]);
});

test("a Ready shows no committed entries that have to be fetched, and does not announce them", () => {
  const [cluster, storages] = coldCluster({ asyncStorageWrites: true });
  const own = storages.get(1);
  if (own === undefined) throw new Error("no storage");
  const terms = [1, 1];
  const at = { from: 2, to: 1, term: 1, index: START, logTerm: START_TERM };
  cluster.step(append({ ...at, terms }));
  cluster.settle([1]);
  own.cold = START + 9;
  cluster.step(append({ ...at, commit: START + 2, terms }));
  cluster.settle([1]);
  expect(own.misses).toEqual([START + 1]);
  expect(cluster.node(1).hasReady()).toBe(false);
  expect(cluster.node(1).basicStatus()).toMatchObject({ commit: START + 2, applied: START });
  own.cold = 0;
  expect(cluster.node(1).hasReady()).toBe(false);
  cluster.node(1).entriesFetched();
  cluster.settle([1]);
  expect(cluster.node(1).basicStatus().applied).toBe(START + 2);
});

test("who cannot read what is committed does not campaign: there may be a configuration change in it", () => {
  const [cluster, storages] = coldCluster({ asyncStorageWrites: true });
  const own = storages.get(1);
  if (own === undefined) throw new Error("no storage");
  const at = { from: 2, to: 1, term: 1, index: START, logTerm: START_TERM };
  own.cold = START + 9;
  cluster.step(append({ ...at, commit: START + 1, terms: [1] }));
  cluster.settle([1]);
  cluster.node(1).campaign();
  expect(cluster.node(1).basicStatus().role).toBe("follower");
  own.cold = 0;
  cluster.node(1).entriesFetched();
  cluster.settle([1]);
  cluster.node(1).campaign();
  expect(cluster.node(1).basicStatus().role).toBe("candidate");
});

test("a leader without a snapshot to send tries again at the next heartbeat", () => {
  const cluster = new Cluster({ voters: [1, 2, 3] });
  cluster.elect(1);
  cluster.isolate(3);
  cluster.propose(1, "a");
  cluster.settle();
  const { storage, node } = cluster.member(1);
  const { applied } = node.basicStatus();
  storage.createSnapshot(applied, node.status().config, new Uint8Array(0));
  storage.compact(applied);
  const ready = storage.snapshot.bind(storage);
  storage.snapshot = () => {
    throw new StorageError("SNAPSHOT_UNAVAILABLE", "being made");
  };
  cluster.heal();
  cluster.tick(1);
  cluster.settle();
  expect(node.status().progress.get(3)).toMatchObject({ state: "probe", match: START + 1 });
  storage.snapshot = ready;
  cluster.tick(1);
  cluster.settle();
  expect(node.status().progress.get(3)).toMatchObject({ state: "replicate", match: applied });
});
