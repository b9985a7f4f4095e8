import type { AppendEntries } from "raft-ts-lite";
import { expect } from "vitest";
import type { DatabaseNode, NodeOptions } from "../../../src/index.ts";
import { FakeClock } from "../../transport/fake-platform.ts";
import { type Cluster, eventually, FAST_RAFT } from "../cluster-fixture.ts";
import {
  type Bench,
  codeOf,
  loadedDice,
  NO_ELECTIONS,
  pass,
  passUntil,
  putMany,
  type SettingCheck,
  turn,
} from "./bench.ts";

type Raft = NonNullable<NodeOptions["raft"]>;

async function leaderAndFollower(cluster: Cluster): Promise<readonly [DatabaseNode, DatabaseNode]> {
  return [await cluster.leader(), await cluster.follower()];
}

/** What the leader sends to a follower that was away while 40 entries of 1,000 bytes were written. */
async function catchUp(bench: Bench, raft: Raft): Promise<readonly AppendEntries[]> {
  const cluster = await bench.open(3, { raft: { ...FAST_RAFT, ...raft } });
  const [leader, follower] = await leaderAndFollower(cluster);
  await follower.close();
  await putMany(leader, 40, 1_000);
  const { length: before } = bench.network(leader.id).appendsTo(follower.id);
  await follower.open();
  await eventually("the follower to catch up", async () => {
    return (await follower.status()).applied >= (await leader.status()).commit;
  });
  return bench.network(leader.id).appendsTo(follower.id).slice(before);
}

function entriesOf(appends: readonly AppendEntries[]): readonly number[] {
  return appends.map(({ entries }) => entries.length);
}

/** The entries that a leader sends, one by one, to a follower that takes everything and answers nothing. */
async function unanswered(bench: Bench, raft: Raft): Promise<number> {
  const cluster = await bench.open(3, { raft: { ...NO_ELECTIONS, ...raft } });
  const [leader, follower] = await leaderAndFollower(cluster);
  await putMany(leader, 3, 10, "before");
  await eventually("the follower to answer", async () => {
    const { followers, lastIndex } = await leader.status();
    return followers.some(({ id, match }) => id === follower.id && match === lastIndex);
  });
  bench.network(follower.id).setDeaf(true);
  const { length: before } = bench.network(leader.id).appendsTo(follower.id);
  await putMany(leader, 40, 1_000);
  const sent = bench.network(leader.id).appendsTo(follower.id).slice(before);
  return entriesOf(sent).reduce((sum, entries) => sum + entries, 0);
}

/** Milliseconds until a member that hears nobody asks for votes. */
async function patience(bench: Bench, raft: Raft, dice: "lowest" | "highest"): Promise<number> {
  const clock = new FakeClock();
  const node = await bench.lonely({
    clock,
    random: loadedDice(dice),
    raft: { heartbeatMs: 20, ...raft },
  });
  return await passUntil(clock, async () => (await node.status()).role !== "follower");
}

/** Whether `work` is settled after 999 ms and after 1,001 ms more. */
async function settledAfter(
  bench: Bench,
  timeouts: NodeOptions["timeouts"],
  work: (node: DatabaseNode) => Promise<unknown>,
): Promise<readonly [early: string | undefined, late: string | undefined]> {
  const clock = new FakeClock();
  const node = await bench.lonely({
    clock,
    raft: NO_ELECTIONS,
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  let code: string | undefined;
  void codeOf(work(node)).then((found) => {
    code = found;
  });
  await turn();
  await pass(clock, 950, 50);
  const early = code;
  await pass(clock, 1_050, 50);
  return [early, code];
}

/** How the core is driven, and how long callers wait. */
export const replicationChecks = {
  "raft.heartbeatMs": async (bench) => {
    for (const heartbeatMs of [20, 100]) {
      const clock = new FakeClock();
      const cluster = await bench.open(3, { clock, raft: { ...NO_ELECTIONS, heartbeatMs } });
      let leader: DatabaseNode | undefined;
      await passUntil(clock, async () => {
        for (const node of cluster.nodes) {
          if ((await node.status()).role === "leader") leader = node;
        }
        return leader !== undefined;
      });
      const from = leader?.id ?? 0;
      const to = from === 1 ? 2 : 1;
      const count = (): number =>
        bench.network(from).sent.filter(({ type, to: of }) => type === "Heartbeat" && of === to)
          .length;
      // The leader may have been elected before this one was reached.
      await passUntil(clock, () => count() > 0);
      const before = count();
      await pass(clock, 1_000, 10);
      expect(Math.abs(count() - before - 1_000 / heartbeatMs)).toBeLessThanOrEqual(1);
    }
  },

  "raft.electionMinMs": async (bench) => {
    const electionMaxMs = 1_000;
    const early = await patience(bench, { electionMinMs: 200, electionMaxMs }, "lowest");
    const late = await patience(bench, { electionMinMs: 800, electionMaxMs }, "lowest");
    expect([Math.round(early / 100), Math.round(late / 100)]).toEqual([2, 8]);
  },

  "raft.electionMaxMs": async (bench) => {
    const electionMinMs = 200;
    const early = await patience(bench, { electionMinMs, electionMaxMs: 400 }, "highest");
    const late = await patience(bench, { electionMinMs, electionMaxMs: 900 }, "highest");
    expect([Math.round(early / 100), Math.round(late / 100)]).toEqual([4, 9]);
  },

  "raft.maxAppendEntries": async (bench) => {
    const most = async (maxAppendEntries: number): Promise<number> =>
      Math.max(...entriesOf(await catchUp(bench, { maxAppendEntries })));
    expect(await most(3)).toBe(3);
    expect(await most(64)).toBeGreaterThan(3);
  },

  "raft.maxAppendBytes": async (bench) => {
    const most = async (maxAppendBytes: number): Promise<number> => {
      const appends = await catchUp(bench, { maxAppendBytes });
      const bytes = appends.map(({ entries }) =>
        entries.reduce((sum, { data }) => sum + data.length, 0),
      );
      return Math.max(...bytes);
    };
    const small = await most(5_000);
    expect(small).toBeGreaterThan(2_000);
    expect(small).toBeLessThanOrEqual(5_000);
    expect(await most(1_000_000)).toBeGreaterThan(5_000);
  },

  "raft.maxInflightMessages": async (bench) => {
    expect(await unanswered(bench, { maxInflightMessages: 5 })).toBe(5);
    expect(await unanswered(bench, { maxInflightMessages: 15 })).toBe(15);
  },

  "raft.maxInflightBytes": async (bench) => {
    const maxAppendBytes = 2_000;
    const few = await unanswered(bench, { maxAppendBytes, maxInflightBytes: 5_000 });
    expect(few).toBeGreaterThanOrEqual(3);
    expect(few).toBeLessThanOrEqual(5);
    const more = await unanswered(bench, { maxAppendBytes, maxInflightBytes: 15_000 });
    expect(more).toBeGreaterThanOrEqual(12);
    expect(more).toBeLessThanOrEqual(15);
  },

  "raft.maxUncommittedBytes": async (bench) => {
    /** Entries that a leader without a quorum takes into its log. */
    const taken = async (maxUncommittedBytes: number): Promise<number> => {
      const cluster = await bench.open(3, { raft: { ...NO_ELECTIONS, maxUncommittedBytes } });
      const leader = await cluster.leader();
      await leader.db.put("first", "");
      for (const node of cluster.nodes) if (node !== leader) bench.network(node.id).setDeaf(true);
      const before = (await leader.status()).lastIndex;
      for (let i = 0; i < 20; i++) {
        void codeOf(leader.db.put(`key-${i}`, "v".repeat(1_000)));
        // Each in an entry of its own: the node looks at what to do at the end of a turn.
        for (let turns = 0; turns < 5; turns++) await turn();
      }
      return (await leader.status()).lastIndex - before;
    };
    const few = await taken(5_000);
    expect(few).toBeGreaterThanOrEqual(3);
    expect(few).toBeLessThanOrEqual(6);
    expect(await taken(1_000_000)).toBe(20);
  },

  "timeouts.proposalMs": async (bench) => {
    const put = (node: DatabaseNode): Promise<unknown> => node.db.put("key", "value");
    const outcome = (proposalMs: number): Promise<readonly (string | undefined)[]> =>
      settledAfter(bench, { proposalMs, readMs: 100_000 }, put);
    expect(await outcome(500)).toEqual(["NOT_COMMITTED", "NOT_COMMITTED"]);
    expect(await outcome(1_000)).toEqual([undefined, "NOT_COMMITTED"]);
    expect(await outcome(5_000)).toEqual([undefined, undefined]);
  },

  "timeouts.readMs": async (bench) => {
    const get = (node: DatabaseNode): Promise<unknown> => node.db.get("key");
    const outcome = (readMs: number): Promise<readonly (string | undefined)[]> =>
      settledAfter(bench, { readMs, proposalMs: 100_000 }, get);
    expect(await outcome(500)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    expect(await outcome(1_000)).toEqual([undefined, "UNAVAILABLE"]);
    expect(await outcome(5_000)).toEqual([undefined, undefined]);
  },
} satisfies Record<string, SettingCheck>;
