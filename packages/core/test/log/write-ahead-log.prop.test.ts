import { type Disk, nodeDisk } from "@holdfast/platform";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WriteAheadLog } from "../../src/log/write-ahead-log.ts";
import { contentOf, entries, openLog, withDirectory } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { NaiveLog } from "./naive-log.ts";

const GROUPS = 3;
/** A group of which only the term counts. */
const BARRIER = 99;

interface World {
  readonly disk: Disk;
  readonly directory: string;
  readonly models: NaiveLog[];
  log: WriteAheadLog;
  /** Highest compaction asked for, per group. */
  readonly compactable: number[];
  waiting: Promise<void>[];
}

type Action =
  | { type: "append"; group: number; back: number; count: number; bytes: number; alone: boolean }
  | { type: "vote"; group: number; vote: number }
  | { type: "snapshot"; group: number; ahead: number; count: number }
  | { type: "compact"; group: number; share: number }
  | { type: "settle" }
  | { type: "reopen"; segmentBytes: number; cacheBytes: number };

const group = fc.nat(GROUPS - 1);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      group,
      back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(6) }),
      count: fc.nat(5),
      bytes: fc.oneof(fc.nat(400), fc.nat(20_000)),
      alone: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("vote" as const), group, vote: fc.nat(5) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("snapshot" as const),
      group,
      ahead: fc.integer({ min: -3, max: 1_000 }),
      count: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("compact" as const),
      group,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ type: "settle" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("reopen" as const),
      segmentBytes: fc.constantFrom(1024, 4096, 10_001, 100_000),
      cacheBytes: fc.constantFrom(0, 3_000, 1 << 20),
    }),
  },
);

async function run(world: World, step: Action): Promise<void> {
  switch (step.type) {
    case "append": {
      const model = world.models[step.group] ?? new NaiveLog();
      const from = Math.max(model.floor, model.last - step.back) + 1;
      if (from <= model.last) model.term += 1;
      const added = entries(from, from + step.count, model.term, step.bytes);
      const hardState = { term: model.term, vote: 1, commit: model.floor };
      const write = { group: step.group, entries: added, ...(step.alone ? {} : { hardState }) };
      model.apply(write);
      world.waiting.push(world.log.append(write));
      return;
    }
    case "vote": {
      const model = world.models[step.group] ?? new NaiveLog();
      const write = {
        group: step.group,
        hardState: { term: model.term, vote: step.vote, commit: model.floor },
      };
      model.apply(write);
      world.waiting.push(world.log.append(write));
      return;
    }
    case "snapshot": {
      const model = world.models[step.group] ?? new NaiveLog();
      const index = Math.max(model.floor, model.last + step.ahead) + 1;
      model.term += 1;
      model.floor = index;
      const ids = Array.from({ length: (index % 4) + 1 }, (_, i) => i + 1);
      const confState = {
        voters: ids,
        learners: [],
        votersOutgoing: ids,
        learnersNext: [],
        autoLeave: true,
      };
      const write = {
        group: step.group,
        snapshot: { index, term: model.term, confState },
        entries: step.count === 0 ? [] : entries(index + 1, index + step.count, model.term),
      };
      model.apply(write);
      world.waiting.push(world.log.append(write));
      return;
    }
    case "compact": {
      const model = world.models[step.group] ?? new NaiveLog();
      const found = world.log.group(step.group);
      const [first, last] = [found.firstIndex(), found.lastIndex()];
      const index = Math.floor(first + (last - first) * step.share);
      if (index < first || model.termOf(index) !== found.term(index)) return;
      model.floor = Math.max(model.floor, index);
      world.compactable[step.group] = Math.max(world.compactable[step.group] ?? 0, index);
      world.log.compact(step.group, index);
      return;
    }
    case "settle":
      await Promise.all(world.waiting.splice(0));
      await check(world);
      return;
    case "reopen":
      await world.log.close();
      await Promise.all(world.waiting.splice(0));
      world.log = (await openLog(world.disk, world.directory, step)).log;
      await check(world);
  }
}

async function check({ log, models, compactable }: World): Promise<void> {
  // Compactions go with the next frame; behind this one none is left.
  const { term } = log.group(BARRIER).initialState().hardState;
  await log.append({ group: BARRIER, hardState: { term: term + 1, vote: 0, commit: 0 } });
  for (const [id, model] of models.entries()) {
    expect(model.difference(await contentOf(log, id), compactable[id] ?? 0)).toBeUndefined();
    const found = log.group(id);
    let bytes = 0;
    for (let index = found.lastIndex(); index >= found.firstIndex(); index--) {
      expect(found.term(index)).toBe(model.termOf(index));
      bytes += 48 + (model.entries[index - model.start - 1]?.data.length ?? 0);
      expect(found.bytesFrom(index)).toBe(bytes);
    }
    expect(found.bytes).toBe(bytes);
  }
}

/** Does the steps on a new log, and closes it. */
async function runAll(steps: readonly Action[], disk: Disk, directory: string): Promise<void> {
  const { log } = await openLog(disk, directory, { segmentBytes: 4096, cacheBytes: 3_000 });
  const models = Array.from({ length: GROUPS }, () => new NaiveLog());
  const world: World = { disk, directory, models, log, compactable: [], waiting: [] };
  for (const step of steps) await run(world, step);
  await run(world, { type: "settle" });
  await run(world, { type: "reopen", segmentBytes: 4096, cacheBytes: 3_000 });
  await world.log.close();
}

describe("WriteAheadLog", () => {
  it("agrees with an array, whatever is appended, replaced, compacted and opened again", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 1, maxLength: 40, size: "max" }),
        async (steps) => {
          const disk = new MemoryDisk();
          await runAll(steps, disk, "wal");
          expect(disk.openFiles).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("agrees with an array on a real disk as well", async () => {
    const disk = nodeDisk();
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 100, maxLength: 200 }), (steps) =>
        withDirectory((directory) => runAll(steps, disk, directory)),
      ),
      { numRuns: 3, endOnFailure: true },
    );
    await disk.close();
  });
});
