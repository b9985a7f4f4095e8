// Trap 13: what a leader believes of a member survives every rejection, however old, repeated or made up.
import { describe, expect, test } from "vitest";
import { Inflights } from "../src/inflights.ts";
import { Progress } from "../src/progress.ts";

/** A member whose log is known to match up to entry 5, and to which entries up to 8 were sent. */
function replicating(): Progress {
  const inflights = new Inflights(8, 0);
  const fresh = { match: 0, next: 6, isLearner: false, recentActive: true, inflights };
  const progress = new Progress(fresh);
  progress.maybeUpdate(5);
  progress.becomeReplicate();
  progress.sentEntries(3, 3);
  return progress;
}

function probing(): Progress {
  const progress = replicating();
  progress.becomeProbe();
  progress.sentEntries(1, 1);
  return progress;
}

function placeOf({ match, next, msgAppFlowPaused }: Progress): unknown {
  return { match, next, msgAppFlowPaused };
}

describe("a stale rejection tells nothing and changes nothing:", () => {
  test.each([0, 4, 5])("of entry %i, which a replicating member acknowledged since", (rejected) => {
    const progress = replicating();
    expect(progress.maybeDecrTo(rejected, 2)).toBe(false);
    expect(placeOf(progress)).toEqual({ match: 5, next: 9, msgAppFlowPaused: false });
  });

  test.each([0, 4, 6, 8])("of entry %i, when a probe behind entry 5 is out", (rejected) => {
    const progress = probing();
    expect(progress.maybeDecrTo(rejected, 2)).toBe(false);
    expect(placeOf(progress)).toEqual({ match: 5, next: 6, msgAppFlowPaused: true });
  });
});

describe("a rejection never takes back what matches:", () => {
  test("a replicating member is sent everything again from there", () => {
    const progress = replicating();
    expect(progress.maybeDecrTo(6, 0)).toBe(true);
    expect(placeOf(progress)).toEqual({ match: 5, next: 6, msgAppFlowPaused: false });
  });

  test.each([0, 3, 4, 5])("a probed one that suggests entry %i", (hint) => {
    const progress = probing();
    expect(progress.maybeDecrTo(5, hint)).toBe(true);
    expect(placeOf(progress)).toEqual({ match: 5, next: 6, msgAppFlowPaused: false });
  });

  test("one that is sent a snapshot", () => {
    const progress = replicating();
    progress.becomeSnapshot(7);
    expect(progress.maybeDecrTo(7, 1)).toBe(true);
    expect(progress).toMatchObject({ match: 5, next: 6 });
  });

  test("but goes down to it at once, and a further probe goes out", () => {
    const inflights = new Inflights(8, 0);
    const fresh = { match: 2, next: 9, isLearner: false, recentActive: true, inflights };
    const progress = new Progress(fresh);
    progress.sentEntries(1, 1);
    expect(progress.maybeDecrTo(8, 4)).toBe(true);
    expect(placeOf(progress)).toEqual({ match: 2, next: 5, msgAppFlowPaused: false });
  });
});
