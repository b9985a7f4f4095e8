import type { ConfChangeV2 } from "raft-ts-lite";
import { expect, test } from "vitest";
import type { StateMachine } from "../../src/machine/state-machine.ts";
import { ReplicatedMembers } from "../../src/node/members.ts";
import type { Replica } from "../../src/node/replica.ts";

/** The members as a leader (1) sees them whose learner (2) is alive and holds entries up to `match`, of 100. */
function membersWith(match: number): {
  readonly members: ReplicatedMembers<StateMachine>;
  readonly made: ConfChangeV2[];
} {
  const made: ConfChangeV2[] = [];
  const confState = { voters: [1], learners: [2], votersOutgoing: [], learnersNext: [] };
  const replica = {
    leader: 1,
    applied: { confState: { ...confState, autoLeave: false }, members: new Map() },
    isAlive: () => true,
    status: () => ({ lastIndex: 100, progress: new Map([[2, { match }]]) }),
    changeMembers: (change: (sequence: number) => ConfChangeV2) => {
      made.push(change(1));
      return Promise.resolve();
    },
  };
  const members = new ReplicatedMembers<StateMachine>({
    id: 1,
    life: () => 1,
    replica: () => replica as unknown as Replica<StateMachine>,
    untilLeads: () => Promise.resolve(),
  });
  return { members, made };
}

test("a learner that lags is not promoted: the group would wait for it (trap 39)", async () => {
  const { members, made } = membersWith(35);
  await expect(members.promote(2)).rejects.toMatchObject({ code: "MEMBERSHIP" });
  expect(made).toEqual([]);
});

test("a learner that has nearly everything is promoted", async () => {
  const { members, made } = membersWith(36);
  await members.promote(2);
  expect(made.map(({ changes }) => changes)).toEqual([[{ kind: "AddVoter", nodeId: 2 }]]);
});
