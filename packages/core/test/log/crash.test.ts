import { type Random, prng } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import type { GroupWrite, WriteAheadLog } from "../../src/log/write-ahead-log.ts";
import { crashState } from "./crash-states.ts";
import { contentOf, entries, openLog } from "./log-fixture.ts";
import { type DiskOperation, MemoryDisk } from "./memory-disk.ts";
import { NaiveLog } from "./naive-log.ts";

const DIRECTORY = "wal";
const GROUPS = [1, 2];

type Step =
  | { readonly type: "write"; readonly write: GroupWrite }
  | { readonly type: "compact"; readonly group: number; readonly index: number };

/** What was handed to a log and what it answered, next to the operations that it did. */
interface History {
  readonly disk: MemoryDisk;
  readonly initial: ReadonlyMap<string, Buffer>;
  readonly steps: readonly Step[];
  /** Per operation, how many steps were handed over and how many writes acknowledged when it was done. */
  readonly issued: readonly number[];
  readonly acknowledged: readonly number[];
}

/** Random work of two groups: several writes at once, replacements, snapshots, compactions, and a close at the end. */
async function work(random: Random, turns: number): Promise<History> {
  const initial = new Map<string, Buffer>();
  const disk = MemoryDisk.holding(initial);
  const steps: Step[] = [];
  const issued: number[] = [];
  const acknowledged: number[] = [];
  let done = 0;
  disk.intercept = () => {
    issued.push(steps.length);
    acknowledged.push(done);
  };
  const { log } = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
  const models = new Map(GROUPS.map((group) => [group, new NaiveLog()]));
  for (let turn = 0; turn < turns; turn++) {
    const waiting: Promise<void>[] = [];
    for (let left = random.integer(1, 4); left > 0; left--) {
      const group = GROUPS[random.integer(0, GROUPS.length)] ?? 1;
      const step = nextStep(random, group, models.get(group) ?? new NaiveLog(), log);
      steps.push(step);
      if (step.type === "compact") {
        log.compact(group, step.index);
        waiting.push(Promise.resolve());
      } else {
        models.get(group)?.apply(step.write);
        waiting.push(log.append(step.write));
      }
    }
    await Promise.all(waiting);
    done = steps.length;
  }
  await log.close();
  issued.push(steps.length);
  acknowledged.push(done);
  return { disk, initial, steps, issued, acknowledged };
}

function nextStep(random: Random, group: number, model: NaiveLog, log: WriteAheadLog): Step {
  const choice = random.integer(0, 20);
  const durable = log.group(group);
  if (choice < 3 && durable.lastIndex() > durable.firstIndex() + 2) {
    const index = random.integer(durable.firstIndex(), durable.lastIndex());
    // What is compacted is committed: nothing that waits may replace it.
    if (model.termOf(index) === durable.term(index)) {
      model.floor = Math.max(model.floor, index);
      return { type: "compact", group, index };
    }
  }
  if (choice < 4) {
    const index = model.last + random.integer(1, 5);
    model.term += 1;
    model.floor = index;
    const confState = {
      voters: [1, 2],
      learners: [index],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    return { type: "write", write: { group, snapshot: { index, term: model.term, confState } } };
  }
  if (choice < 6) {
    const hardState = { term: model.term, vote: random.integer(1, 4), commit: model.floor };
    return { type: "write", write: { group, hardState } };
  }
  let from = model.last + 1;
  // A new leader replaces what was not committed.
  if (choice < 9 && model.last > model.floor)
    from = random.integer(model.floor + 1, model.last + 1);
  if (from <= model.last) model.term += 1;
  const added = entries(from, from + random.integer(0, 3), model.term, random.integer(0, 900));
  return { type: "write", write: { group, entries: added } };
}

/** What the groups hold after each number of steps. */
function modelsAfter(steps: readonly Step[]): Map<number, NaiveLog>[] {
  let now = new Map(GROUPS.map((group) => [group, new NaiveLog()]));
  const after = [now];
  for (const step of steps) {
    now = new Map([...now].map(([group, model]) => [group, model.copy()]));
    if (step.type === "write") now.get(step.write.group)?.apply(step.write);
    after.push(now);
  }
  return after;
}

async function recovered(files: Map<string, Buffer>): Promise<MemoryDisk> {
  const disk = MemoryDisk.holding(files);
  const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
  await log.close();
  expect(failures).toEqual([]);
  return disk;
}

/** Some number of steps between those acknowledged and those handed over explains what the log of `disk` holds. */
async function expectExplained(
  disk: MemoryDisk,
  history: History,
  at: number,
  models: Map<number, NaiveLog>[],
): Promise<void> {
  const { log } = await openLog(disk, DIRECTORY, { segmentBytes: 4096 });
  const found = new Map<number, Awaited<ReturnType<typeof contentOf>>>();
  for (const group of GROUPS) found.set(group, await contentOf(log, group));
  const from = history.acknowledged[at] ?? 0;
  const to = history.issued[at] ?? 0;
  // A compaction waits for nothing, so it may take effect before what was handed over earlier.
  const compactable = (group: number): number =>
    Math.max(
      0,
      ...history.steps
        .slice(0, to)
        .map((step) => (step.type === "compact" && step.group === group ? step.index : 0)),
    );
  const reasons: string[] = [];
  for (let count = from; count <= to; count++) {
    const reason = GROUPS.map((group) =>
      models[count]?.get(group)?.difference(found.get(group), compactable(group)),
    ).find((why) => why !== undefined);
    if (reason === undefined) break;
    reasons.push(`${count}: ${reason}`);
  }
  if (reasons.length === to - from + 1)
    expect.fail(`nothing explains the log:\n${reasons.join("\n")}`);
  // It goes on as if nothing had happened.
  await log.append({ group: 9, entries: entries(1, 2) });
  await log.close();
}

const policies: Record<string, (random: Random) => boolean> = {
  nothing: () => false,
  everything: () => true,
  half: (random) => random.integer(0, 2) === 0,
  most: (random) => random.integer(0, 8) > 0,
  little: (random) => random.integer(0, 8) === 0,
};

describe("a crash of the machine", () => {
  it.each([1, 4, 14, 17, 34])(
    "between any two operations leaves what was acknowledged, and nothing that was not written (seed %i)",
    async (seed) => {
      const history = await work(prng(seed), 24);
      const models = modelsAfter(history.steps);
      const random = prng(seed + 1_000);
      const operations: DiskOperation[] = history.disk.operations;
      expect(operations.length).toBeGreaterThan(100);
      for (let at = 0; at <= operations.length; at++) {
        for (const keeps of Object.values(policies)) {
          const files = crashState(operations.slice(0, at), history.initial, keeps, random);
          const disk = await recovered(files);
          await expectExplained(disk, history, at, models);
          // The power goes again while the log is being recovered.
          const { operations: repairs } = disk;
          const done = repairs.slice(0, random.integer(0, repairs.length + 1));
          const left = crashState(done, files, keeps, random);
          await expectExplained(await recovered(left), history, at, models);
        }
      }
    },
  );
});
