import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeConfChange,
  encodeConfChange,
  entersJoint,
  type ConfChange,
  type ConfChangeKind,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeV2,
} from "../src/conf-change-codec.ts";
import { Changer, restoreConfig } from "../src/confchange.ts";
import { RaftError } from "../src/errors.ts";
import type { ConfState, NodeId } from "../src/message.ts";
import { ProgressTracker, type GroupConfig } from "../src/tracker.ts";

const MAX_ID = 5;

const kind = fc.constantFrom<ConfChangeKind>("AddVoter", "AddLearner", "Remove", "Update");
const change = fc.record({ kind, nodeId: fc.integer({ min: 0, max: MAX_ID }) });
const changes = fc.array(change, { maxLength: 6 });

type Operation =
  | { readonly type: "simple"; readonly changes: readonly ConfChangeSingle[] }
  | {
      readonly type: "enter";
      readonly auto: boolean;
      readonly changes: readonly ConfChangeSingle[];
    }
  | { readonly type: "leave" };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ type: fc.constant("simple" as const), changes: fc.array(change, { maxLength: 2 }) }),
  fc.record({ type: fc.constant("enter" as const), auto: fc.boolean(), changes }),
  fc.record({ type: fc.constant("leave" as const) }),
);

/** A tracker that already has members. */
function trackerOf(voters: readonly NodeId[], learners: readonly NodeId[] = []): ProgressTracker {
  const tracker = new ProgressTracker(10, 0);
  const state = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
  const { config, progress } = restoreConfig(tracker, 10, state);
  tracker.install(config, progress);
  return tracker;
}

/** Carries out an operation; false when it was refused. */
function perform(tracker: ProgressTracker, one: Operation, lastIndex: number): boolean {
  const changer = new Changer(tracker, lastIndex);
  try {
    const result =
      one.type === "simple"
        ? changer.simple(one.changes)
        : one.type === "enter"
          ? changer.enterJoint(one.auto, one.changes)
          : changer.leaveJoint();
    tracker.install(result.config, result.progress);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(RaftError);
    return false;
  }
}

/** Every set of members that can decide: a majority of each half. */
function quorums({ voters }: GroupConfig): Set<NodeId>[] {
  const all = Array.from({ length: 2 ** MAX_ID }, (_, bits) => {
    const ids = Array.from({ length: MAX_ID }, (_unused, i) => i + 1);
    return new Set(ids.filter((id) => Math.floor(bits / 2 ** (id - 1)) % 2 === 1));
  });
  const decides = (half: ReadonlySet<NodeId>, members: ReadonlySet<NodeId>): boolean =>
    half.size === 0 || [...half].filter((id) => members.has(id)).length * 2 > half.size;
  return all.filter((members) =>
    [voters.incoming, voters.outgoing].every((half) => decides(half, members)),
  );
}

/** The roles that a list of changes leads to, done one after another on a plain table. */
function naiveRoles(
  voters: readonly NodeId[],
  learners: readonly NodeId[],
  list: readonly ConfChangeSingle[],
): Map<NodeId, "voter" | "learner"> {
  const roles = new Map<NodeId, "voter" | "learner">();
  for (const id of voters) roles.set(id, "voter");
  for (const id of learners) roles.set(id, "learner");
  for (const { kind: what, nodeId } of list) {
    if (nodeId === 0) continue;
    if (what === "AddVoter") roles.set(nodeId, "voter");
    else if (what === "AddLearner") roles.set(nodeId, "learner");
    else if (what === "Remove") roles.delete(nodeId);
  }
  return roles;
}

function rolesOf({ voters, learners }: GroupConfig): Map<NodeId, "voter" | "learner"> {
  return new Map([
    ...[...voters.incoming].map((id) => [id, "voter"] as const),
    ...[...learners].map((id) => [id, "learner"] as const),
  ]);
}

const sorted = (roles: ReadonlyMap<NodeId, string>): (readonly [NodeId, string])[] =>
  [...roles].sort(([a], [b]) => a - b);

const members = fc
  .uniqueArray(fc.integer({ min: 1, max: MAX_ID }), { minLength: 1 })
  .chain((ids) =>
    fc.record({ ids: fc.constant(ids), voterCount: fc.integer({ min: 1, max: ids.length }) }),
  )
  .map(({ ids, voterCount }) => ({
    voters: ids.slice(0, voterCount),
    learners: ids.slice(voterCount),
  }));

describe("configuration changes", () => {
  it("only lead to configurations whose quorums share a member with every quorum before", () => {
    fc.assert(
      fc.property(members, fc.array(operation, { maxLength: 8 }), ({ voters, learners }, list) => {
        const tracker = trackerOf(voters, learners);
        for (const one of list) {
          const before = quorums(tracker.config);
          if (!perform(tracker, one, 10)) continue;
          for (const now of quorums(tracker.config)) {
            for (const then of before) expect([...now].some((id) => then.has(id))).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("through a joint configuration lead where a plain table of roles leads", () => {
    fc.assert(
      fc.property(members, changes, ({ voters, learners }, list) => {
        const expected = naiveRoles(voters, learners, list);
        const tracker = trackerOf(voters, learners);
        const entered = perform(tracker, { type: "enter", auto: false, changes: list }, 10);
        expect(entered).toBe([...expected.values()].includes("voter"));
        if (!entered) return;
        perform(tracker, { type: "leave" }, 10);
        expect(sorted(rolesOf(tracker.config))).toEqual(sorted(expected));
        expect(tracker.ids).toEqual(sorted(expected).map(([id]) => id));
      }),
    );
  });

  it("that are simple change at most one voter and lead where a plain table leads", () => {
    fc.assert(
      fc.property(members, changes, ({ voters, learners }, list) => {
        const expected = naiveRoles(voters, learners, list);
        const votersOf = (roles: ReadonlyMap<NodeId, string>): NodeId[] =>
          [...roles].filter(([, role]) => role === "voter").map(([id]) => id);
        const after = votersOf(expected);
        const changed =
          after.filter((id) => !voters.includes(id)).length +
          voters.filter((id) => !after.includes(id)).length;
        const tracker = trackerOf(voters, learners);
        const done = perform(tracker, { type: "simple", changes: list }, 10);
        expect(done).toBe(after.length > 0 && changed <= 1);
        if (done) expect(sorted(rolesOf(tracker.config))).toEqual(sorted(expected));
      }),
    );
  });

  it("that are refused change nothing", () => {
    fc.assert(
      fc.property(members, fc.array(operation, { maxLength: 6 }), ({ voters, learners }, list) => {
        const tracker = trackerOf(voters, learners);
        for (const one of list) {
          const before = tracker.ids.map((id) => ({ id, ...tracker.get(id)?.view() }));
          const state = tracker.confState();
          if (perform(tracker, one, 10)) continue;
          expect(tracker.confState()).toEqual(state);
          expect(tracker.ids.map((id) => ({ id, ...tracker.get(id)?.view() }))).toEqual(before);
        }
      }),
    );
  });

  it("keep what is known of the logs of those who stay", () => {
    fc.assert(
      fc.property(members, fc.array(operation, { maxLength: 6 }), ({ voters, learners }, list) => {
        const tracker = trackerOf(voters, learners);
        for (const id of tracker.ids) tracker.get(id)?.maybeUpdate(100 + id);
        const since = new Set(tracker.ids);
        for (const one of list) {
          perform(tracker, one, 10);
          for (const id of since) if (tracker.get(id) === undefined) since.delete(id);
        }
        // A removal and a new addition in one list start over, so a kept id may also be new.
        for (const id of since) expect([0, 100 + id]).toContain(tracker.get(id)?.match);
        const untouched = [...since].filter((id) =>
          list.every((one) => one.type === "leave" || one.changes.every((c) => c.nodeId !== id)),
        );
        for (const id of untouched) expect(tracker.get(id)?.match).toBe(100 + id);
      }),
    );
  });

  it("can be undone and done again from a ConfState", () => {
    fc.assert(
      fc.property(members, fc.array(operation, { maxLength: 8 }), ({ voters, learners }, list) => {
        const tracker = trackerOf(voters, learners);
        for (const one of list) perform(tracker, one, 10);
        const state: ConfState = tracker.confState();
        const copy = new ProgressTracker(10, 0);
        const { config, progress } = restoreConfig(copy, 10, state);
        copy.install(config, progress);
        expect(copy.confState()).toEqual(state);
        expect(copy.ids).toEqual(tracker.ids);
        for (const id of copy.ids) {
          expect(copy.get(id)?.isLearner).toBe(tracker.get(id)?.isLearner);
        }
      }),
    );
  });
});

describe("encoded configuration changes", () => {
  const nodeId = fc.maxSafeNat();
  const single = fc.record({ kind, nodeId });
  const context = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
  const transition = fc.constantFrom<ConfChangeTransition>("auto", "implicit", "explicit");

  function withContext<T extends object>(
    base: T,
    bytes?: Uint8Array,
  ): T & { context?: Uint8Array } {
    return bytes === undefined ? base : { ...base, context: bytes };
  }

  /** Bytes of a number at seven bits each. */
  function varintSize(value: number): number {
    return Math.max(1, Math.ceil(value.toString(2).length / 7));
  }

  it("are read back as they were", () => {
    fc.assert(
      fc.property(transition, fc.array(single), context, (how, list, bytes) => {
        const v2: ConfChangeV2 = withContext({ transition: how, changes: list }, bytes);
        const { type, data } = encodeConfChange(v2);
        expect(type).toBe("ConfChangeV2");
        expect(decodeConfChange("ConfChangeV2", data)).toEqual(v2);
      }),
    );
  });

  it("of the older form are read back as a change of one member, and are as long as protobuf's", () => {
    fc.assert(
      fc.property(single, fc.maxSafeNat(), context, (one, id, bytes) => {
        const v1: ConfChange = withContext({ ...one, id }, bytes);
        const { type, data } = encodeConfChange(v1);
        expect(type).toBe("ConfChange");
        const expected = withContext({ transition: "auto" as const, changes: [one] }, bytes);
        expect(decodeConfChange("ConfChange", data)).toEqual(expected);
        const size = 1 + varintSize(id) + 2 + 1 + varintSize(one.nodeId);
        const rest = bytes === undefined ? 0 : 1 + varintSize(bytes.length) + bytes.length;
        expect(data.length).toBe(size + rest);
      }),
    );
  });

  it("never enter a joint configuration for one change unless asked to", () => {
    const one: ConfChangeSingle = { kind: "AddVoter", nodeId: 4 };
    const decide = (how: ConfChangeTransition, count: number): string => {
      const { joint, autoLeave } = entersJoint({
        transition: how,
        changes: Array.from({ length: count }, () => one),
      });
      return `${joint ? "joint" : "simple"}${autoLeave ? " auto" : ""}`;
    };
    expect([decide("auto", 1), decide("auto", 2)]).toEqual(["simple", "joint auto"]);
    expect([decide("implicit", 1), decide("explicit", 1)]).toEqual(["joint auto", "joint"]);
  });
});
