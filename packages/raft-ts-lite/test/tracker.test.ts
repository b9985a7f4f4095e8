import { describe, expect, it } from "vitest";
import { restoreConfig } from "../src/confchange.ts";
import type { ConfState } from "../src/message.ts";
import { describeConfig, isJoint, ProgressTracker } from "../src/tracker.ts";

const JOINT: ConfState = {
  voters: [1, 2, 3],
  learners: [5],
  votersOutgoing: [2, 3, 4],
  learnersNext: [4],
  autoLeave: true,
};

function trackerOf(state: ConfState): ProgressTracker {
  const tracker = new ProgressTracker(10, 0);
  const { config, progress } = restoreConfig(tracker, 10, state);
  tracker.install(config, progress);
  return tracker;
}

describe("progress tracker", () => {
  it("lists members in ascending order, whatever the order in which they joined", () => {
    const tracker = trackerOf(JOINT);
    expect(tracker.ids).toEqual([1, 2, 3, 4, 5]);
    expect(tracker.voterIds).toEqual([1, 2, 3, 4]);
    expect(tracker.confState()).toEqual(JOINT);
    expect(isJoint(tracker.config)).toBe(true);
    expect(describeConfig(tracker.config)).toBe(
      "voters=(1 2 3)&&(2 3 4) learners=(5) learners_next=(4) autoleave",
    );
  });

  it("counts the first vote of a member only, and nothing of others", () => {
    const tracker = trackerOf(JOINT);
    tracker.recordVote(1, true);
    tracker.recordVote(2, false);
    tracker.recordVote(2, true);
    tracker.recordVote(5, true);
    tracker.recordVote(9, true);
    expect(tracker.tallyVotes()).toEqual({ granted: 1, rejected: 1, result: "VotePending" });
    tracker.recordVote(3, true);
    tracker.recordVote(4, true);
    expect(tracker.tallyVotes()).toEqual({ granted: 3, rejected: 1, result: "VoteWon" });
    tracker.resetVotes();
    expect(tracker.tallyVotes()).toEqual({ granted: 0, rejected: 0, result: "VotePending" });
  });

  it("is active when a quorum of both halves was heard from, without learners", () => {
    const tracker = trackerOf(JOINT);
    for (const id of tracker.ids) {
      const progress = tracker.get(id);
      if (progress !== undefined) progress.recentActive = id === 1 || id === 2 || id === 5;
    }
    expect(tracker.quorumActive()).toBe(false);
    const fourth = tracker.get(4);
    if (fourth !== undefined) fourth.recentActive = true;
    expect(tracker.quorumActive()).toBe(true);
  });

  it("is a singleton only outside a joint configuration", () => {
    const single = {
      ...JOINT,
      voters: [1],
      learnersNext: [],
      votersOutgoing: [],
      autoLeave: false,
    };
    expect(trackerOf(single).isSingleton()).toBe(true);
    expect(trackerOf({ ...single, votersOutgoing: [1, 2, 3] }).isSingleton()).toBe(false);
  });
});
