import { expect, test } from "vitest";
import { type Bug, SimpleGroup } from "./simple-group.ts";

const STEPS = 3_000;

/**
 * - 4: a crash came before a snapshot had taken the place of the log, and `acknowledged-is-stable` objected to what the disk brought back;
 * - 516: a change of members was applied after a snapshot from behind it had been accepted, to the configuration of that snapshot.
 */
const SEEDS = [1, 2, 3, 4, 105, 516];

test("nothing is objected to in sound runs", () => {
  const seen = { committed: 0, snapshots: 0, jointSteps: 0 };
  for (const seed of SEEDS) {
    const group = new SimpleGroup(seed);
    const violation = group.run(STEPS);
    expect(violation?.message, `seed ${seed}`).toBeUndefined();
    seen.committed += group.committed;
    seen.snapshots += group.snapshots;
    seen.jointSteps += group.jointSteps;
  }
  expect(seen.committed).toBeGreaterThan(200);
  expect(seen.snapshots).toBeGreaterThan(10);
  expect(seen.jointSteps).toBeGreaterThan(50);
});

test.each<{ readonly bug: Bug; readonly seed: number; readonly by: readonly string[] }>([
  { bug: "early-acknowledgement", seed: 1, by: ["acknowledged-is-stable"] },
  { bug: "early-vote", seed: 1, by: ["one-vote-per-term"] },
  { bug: "early-request", seed: 1, by: ["one-vote-per-term"] },
  { bug: "forgotten-vote", seed: 1, by: ["monotonic"] },
  { bug: "lost-entry", seed: 1, by: ["acknowledged-is-stable"] },
  { bug: "lost-disk", seed: 1, by: ["monotonic", "acknowledged-is-stable"] },
  { bug: "snapshot-without-state", seed: 2, by: ["state-machine-safety"] },
  { bug: "overtaking-snapshot", seed: 105, by: ["monotonic"] },
  { bug: "applied-twice", seed: 1, by: ["state-machine-safety"] },
])("$bug is found by $by", ({ bug, seed, by }) => {
  const violation = new SimpleGroup(seed, bug).run(STEPS);
  expect(by).toContain(violation?.invariant);
});
