import { createHash } from "node:crypto";
import { type Random, prng } from "@holdfast/platform";
import type { Entry } from "raft-ts-lite";
import { describe, expect, it } from "vitest";
import type { GroupWrite, WriteAheadLog } from "../../src/log/write-ahead-log.ts";
import { crashState, everyCrashState } from "./crash-states.ts";
import { contentOf, entries, entry, openLog } from "./log-fixture.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { NaiveLog } from "./naive-log.ts";

const DIRECTORY = "wal";
const GROUPS = [1, 2];
/** Written only when a log goes on after a crash. */
const OTHER_GROUP = 9;

type Step =
  | { readonly type: "write"; readonly write: GroupWrite }
  | { readonly type: "compact"; readonly group: number; readonly index: number };

/** What was handed to a log and what it answered, next to the operations that it did. */
interface History {
  readonly disk: MemoryDisk;
  readonly segmentBytes: number;
  readonly initial: ReadonlyMap<string, Buffer>;
  readonly steps: readonly Step[];
  /** Per operation, how many steps were handed over and how many writes acknowledged when it was done. */
  readonly issued: readonly number[];
  readonly acknowledged: readonly number[];
}

/**
 * What happens when the steps of each turn are handed over at once, every turn when the one before is done, and the log is closed in
 * the end. `turnsOf` sees the log, to make steps that fit it.
 */
async function history(
  segmentBytes: number,
  turnsOf: (log: WriteAheadLog) => Iterable<readonly Step[]>,
): Promise<History> {
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
  const { log } = await openLog(disk, DIRECTORY, { segmentBytes });
  for (const turn of turnsOf(log)) {
    const waiting = turn.map((step) => {
      steps.push(step);
      if (step.type === "write") return log.append(step.write);
      log.compact(step.group, step.index);
      return Promise.resolve();
    });
    await Promise.all(waiting);
    done = steps.length;
  }
  await log.close();
  issued.push(steps.length);
  acknowledged.push(done);
  return { disk, segmentBytes, initial, steps, issued, acknowledged };
}

/** Random work of two groups: several writes at once, replacements, snapshots and compactions. */
function* randomTurns(random: Random, turns: number, log: WriteAheadLog): Generator<Step[]> {
  const models = new Map(GROUPS.map((group) => [group, new NaiveLog()]));
  for (let turn = 0; turn < turns; turn++) {
    const steps: Step[] = [];
    for (let left = random.integer(1, 4); left > 0; left--) {
      const group = GROUPS[random.integer(0, GROUPS.length)] ?? 1;
      const step = nextStep(random, group, models.get(group) ?? new NaiveLog(), log);
      if (step.type === "write") models.get(group)?.apply(step.write);
      steps.push(step);
    }
    yield steps;
  }
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
    // Behind the log, or within what is not committed of it: of another history, which replaces what follows.
    const within = model.last > model.floor && random.integer(0, 2) === 0;
    const index = within
      ? random.integer(model.floor + 1, model.last + 1)
      : model.last + random.integer(1, 5);
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

async function recovered(files: Map<string, Buffer>, segmentBytes: number): Promise<MemoryDisk> {
  const disk = MemoryDisk.holding(files);
  const { log, failures } = await openLog(disk, DIRECTORY, { segmentBytes });
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
  const { log } = await openLog(disk, DIRECTORY, { segmentBytes: history.segmentBytes });
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
  await log.append({ group: OTHER_GROUP, entries: entries(1, 2) });
  const shown = await contentsOf(log);
  await log.close();
  const { log: again } = await openLog(disk, DIRECTORY, { segmentBytes: history.segmentBytes });
  expect(await contentsOf(again)).toEqual(shown);
}

const policies: Record<string, (random: Random) => boolean> = {
  nothing: () => false,
  everything: () => true,
  half: (random) => random.integer(0, 2) === 0,
  most: (random) => random.integer(0, 8) > 0,
  little: (random) => random.integer(0, 8) === 0,
};

const write = (write: GroupWrite): Step => ({ type: "write", write });
const append = (group: number, added: readonly Entry[]): Step => write({ group, entries: added });

function snapshotOf(group: number, index: number, term: number, added: readonly Entry[]): Step {
  const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [] };
  const snapshot = { index, term, confState: { ...confState, autoLeave: false } };
  return write({ group, snapshot, entries: added });
}

/** So short that every state can be tried, each about one thing that a log does. */
const SHORT: readonly (readonly [string, readonly (readonly Step[])[]])[] = [
  ["a first entry and a vote", [[append(1, entries(1, 1))], [write(voteOf(2))]]],
  ["a frame of several sectors", [[append(1, entries(1, 2, 1, 700))], [append(1, [entry(3)])]]],
  [
    "a tail that is replaced",
    [[append(1, entries(1, 3, 1, 300))], [append(1, [entry(2, 2)])], [append(1, [entry(3, 2)])]],
  ],
  [
    "two groups in one frame, and in two",
    [
      [append(1, entries(1, 2)), append(2, [entry(1)])],
      [append(2, [entry(2)])],
      [write(voteOf(3))],
    ],
  ],
  [
    "segments that fill up and are removed",
    [
      [append(1, entries(1, 2, 1, 300))],
      [append(1, [entry(3, 1, 600)])],
      [{ type: "compact", group: 1, index: 2 }],
      [append(1, [entry(4, 1, 600)])],
      [{ type: "compact", group: 1, index: 4 }],
    ],
  ],
  [
    "a snapshot within the log, and one behind it",
    [
      [append(1, entries(1, 4, 1, 200))],
      [snapshotOf(1, 2, 3, [entry(3, 3)])],
      [snapshotOf(1, 9, 4, [])],
      [append(1, [entry(10, 4)])],
    ],
  ],
];

function voteOf(term: number): GroupWrite {
  return { group: 1, hardState: { term, vote: 2, commit: 0 } };
}

async function contentsOf(log: WriteAheadLog): Promise<unknown> {
  return await Promise.all([...GROUPS, OTHER_GROUP].map((group) => contentOf(log, group)));
}

/** Each of `states` once. */
function* distinct(states: Iterable<Map<string, Buffer>>): Generator<Map<string, Buffer>> {
  const seen = new Set<string>();
  for (const state of states) {
    const hash = createHash("sha256");
    for (const [path, content] of [...state].sort(([one], [other]) => (one < other ? -1 : 1))) {
      hash.update(`${path} ${content.length} `).update(content);
    }
    const digest = hash.digest("base64");
    if (!seen.has(digest)) yield state;
    seen.add(digest);
  }
}

describe("a crash of the machine", () => {
  it.each(SHORT)("in every state that it may leave of %s loses nothing", async (_, turns) => {
    const done = await history(1024, () => turns);
    const models = modelsAfter(done.steps);
    const { operations } = done.disk;
    let states = 0;
    for (let at = 0; at <= operations.length; at++) {
      for (const files of distinct(everyCrashState(operations.slice(0, at), done.initial))) {
        const disk = await recovered(files, 1024);
        await expectExplained(disk, done, at, models);
        states += 1;
        // The power goes again while the log is being recovered.
        const repairs = disk.operations;
        for (let step = 0; step < repairs.length; step++) {
          for (const left of distinct(everyCrashState(repairs.slice(0, step), files))) {
            await expectExplained(await recovered(left, 1024), done, at, models);
            states += 1;
          }
        }
      }
    }
    // A few hundred in the shortest, some thousands in the longest.
    expect(states).toBeGreaterThan(40 * operations.length);
  });

  it.each(SHORT)(
    "takes nothing of %s that a log has shown which was opened after its process was killed",
    async (_, turns) => {
      const done = await history(1024, () => turns);
      const { operations } = done.disk;
      for (let at = 0; at <= operations.length; at++) {
        const disk = MemoryDisk.after(operations.slice(0, at), done.initial);
        const { log } = await openLog(disk, DIRECTORY, { segmentBytes: 1024 });
        // As the leader's next entry, or its first in a segment that was just begun.
        await log.append({ group: OTHER_GROUP, entries: entries(1, 2) });
        const shown = await contentsOf(log);
        for (const files of distinct(everyCrashState(disk.operations, done.initial))) {
          const left = MemoryDisk.holding(files);
          const again = await openLog(left, DIRECTORY, { segmentBytes: 1024 });
          expect(await contentsOf(again.log), `killed behind (${at})`).toEqual(shown);
        }
      }
    },
  );

  it.each([1, 4, 14, 17, 34])(
    "between any two operations leaves what was acknowledged, and nothing that was not written (seed %i)",
    async (seed) => {
      const random = prng(seed);
      const done = await history(4096, (log) => randomTurns(random, 24, log));
      const models = modelsAfter(done.steps);
      const { operations } = done.disk;
      expect(operations.length).toBeGreaterThan(100);
      const again = prng(seed + 1_000);
      for (let at = 0; at <= operations.length; at++) {
        for (const policy of Object.values(policies)) {
          const keeps = (): boolean => policy(again);
          const files = crashState(operations.slice(0, at), done.initial, keeps);
          const disk = await recovered(files, 4096);
          await expectExplained(disk, done, at, models);
          // The power goes again while the log is being recovered.
          const repairs = disk.operations;
          const left = crashState(
            repairs.slice(0, again.integer(0, repairs.length + 1)),
            files,
            keeps,
          );
          await expectExplained(await recovered(left, 4096), done, at, models);
        }
      }
    },
  );
});
