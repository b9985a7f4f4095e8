import type { ConfState } from "raft-ts-lite";
import { describe, expect, it } from "vitest";
import { FaultAtlas } from "../../src/faults/fault-atlas.ts";

const configuration = (voters: number[], votersOutgoing: number[] = []): ConfState => ({
  voters,
  votersOutgoing,
  learners: [],
  learnersNext: [],
  autoLeave: false,
});

function atlasOf(...configurations: ConfState[]): FaultAtlas {
  const atlas = new FaultAtlas();
  for (const one of configurations) atlas.note(one);
  return atlas;
}

describe("the fault atlas", () => {
  it.each([
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 1],
    [5, 2],
  ])("lets a minority of %i voters lose their disks", (count, allowed) => {
    const voters = Array.from({ length: count }, (_, i) => i + 1);
    const atlas = atlasOf(configuration(voters));
    expect(voters.filter((id) => atlas.impair(id))).toHaveLength(allowed);
  });

  it("minds both halves of a joint configuration, and configurations that only some apply", () => {
    const joint = configuration([1, 2, 3], [3, 4, 5]);
    const old = configuration([1, 6, 7]);
    const atlas = atlasOf(joint, old);
    expect(atlas.impair(1)).toBe(true);
    expect(atlas.impair(2)).toBe(false);
    expect(atlas.impair(6)).toBe(false);
    expect(atlas.impair(4)).toBe(true);
    expect(atlas.impair(5)).toBe(false);
  });

  it("minds a change that is under way", () => {
    const atlas = atlasOf(configuration([1, 2, 3]));
    const end = atlas.begin({ type: "remove", id: 3 });
    expect(atlas.impair(1)).toBe(false);
    end();
    expect(atlas.impair(1)).toBe(true);
  });

  it("lets others follow once a member was replaced", () => {
    const atlas = atlasOf(configuration([1, 2, 3]));
    expect(atlas.impair(1)).toBe(true);
    expect(atlas.impair(2)).toBe(false);
    atlas.note(configuration([2, 3, 4]));
    atlas.replaced(1, [configuration([2, 3, 4])]);
    expect(atlas.impair(2)).toBe(true);
    expect(atlas.impaired).toEqual(new Set([2]));
  });

  it("lets a disk be emptied only when every voter would know", () => {
    const atlas = atlasOf(configuration([1, 2, 3]));
    atlas.met(2, 1);
    atlas.met(1, 3);
    expect(atlas.empty(1)).toBe(false);
    atlas.met(3, 1);
    expect(atlas.empty(1)).toBe(true);
    expect(atlas.impaired).toEqual(new Set([1]));
  });

  it("harms nobody before it knows who votes", () => {
    expect(new FaultAtlas().impair(1)).toBe(false);
  });

  it("counts nobody twice, and lets learners lose what they like", () => {
    const atlas = atlasOf(configuration([1, 2, 3]));
    expect([atlas.impair(1), atlas.impair(1), atlas.impair(9)]).toEqual([true, true, true]);
  });
});
