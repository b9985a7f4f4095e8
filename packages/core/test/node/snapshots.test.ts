import { readdirSync, rmSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import type { DatabaseNode } from "../../src/index.ts";
import { Cluster, eventually, SMALL_LOG } from "./cluster-fixture.ts";

/** So small that a handful of entries is checkpointed and cut off the log. */
const CUT_EARLY = {
  checkpoint: { snapshotThreshold: 8, snapshotBytes: 1_000_000, compactionOverhead: 5 },
  log: { ...SMALL_LOG, retainBytes: 0, retainForFollowersBytes: 0 },
};

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

async function write(node: DatabaseNode, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++)
    await node.db.put(`key-${String(i).padStart(4, "0")}`, `value ${i}`);
}

async function caughtUp(node: DatabaseNode, leader: DatabaseNode): Promise<void> {
  await eventually("the follower to catch up", async () => {
    return (await node.status()).applied >= (await leader.status()).commit;
  });
}

test("checkpoints after 8 entries cut the log but for 5 (D23)", async () => {
  cluster = await Cluster.start(1, CUT_EARLY);
  const node = cluster.node(1);
  await write(node, 0, 40);
  const { firstIndex, lastIndex } = await eventually("the log to be cut", async () => {
    const status = await node.status();
    return status.firstIndex > 2 && status;
  });
  expect(firstIndex).toBeLessThanOrEqual(lastIndex - 4);
  await node.close();
  await node.open();
  expect(await node.db.keys().all()).toHaveLength(40);
});

test("a follower that the log does not reach any more gets a snapshot", async () => {
  cluster = await Cluster.start(3, CUT_EARLY);
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  await write(leader, 0, 10);
  await follower.close();
  const { lastIndex } = await leader.status();
  await write(leader, 10, 60);
  await eventually("the log to be cut", async () => {
    return (await leader.status()).firstIndex > lastIndex + 1;
  });
  await follower.open();
  const behind = follower.machine.applied().index;
  await caughtUp(follower, leader);
  await eventually("the log to begin behind the snapshot", async () => {
    return (await follower.status()).firstIndex > behind + 1;
  });
  expect(await follower.db.keys().all()).toHaveLength(60);
  expect(follower.machine.applied().stateHash).toEqual(leader.machine.applied().stateHash);
});

test("a received snapshot survives a restart, and nothing of the old state is left", async () => {
  cluster = await Cluster.start(3, CUT_EARLY);
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  await follower.close();
  const { lastIndex } = await leader.status();
  await write(leader, 0, 60);
  await eventually("the log to be cut", async () => {
    return (await leader.status()).firstIndex > lastIndex + 1;
  });
  await follower.open();
  await caughtUp(follower, leader);
  await follower.close();
  const { directory } = cluster.options(follower.id);
  const stores = readdirSync(directory).filter((name) => name.startsWith("store-"));
  expect(stores).toEqual(["store-2"]);
  await follower.open();
  await write(leader, 60, 70);
  await caughtUp(follower, leader);
  expect(await follower.db.keys().all()).toHaveLength(70);
});

test("a follower that lags a little is served from the log, which is kept for it", async () => {
  cluster = await Cluster.start(3, {
    ...CUT_EARLY,
    log: { ...CUT_EARLY.log, retainBytes: 1_000_000 },
  });
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  await follower.close();
  await write(leader, 0, 60);
  expect((await leader.status()).firstIndex).toBe(2);
  await follower.open();
  await caughtUp(follower, leader);
  const { directory } = cluster.options(follower.id);
  expect(readdirSync(directory).filter((name) => name.startsWith("store-"))).toEqual(["store-1"]);
  expect(await follower.db.keys().all()).toHaveLength(60);
});

test("a store that was lost is built again from a whole log, and refused without one", async () => {
  cluster = await Cluster.start(1, {
    ...CUT_EARLY,
    log: { ...CUT_EARLY.log, retainBytes: 1_000_000 },
  });
  const node = cluster.node(1);
  const { directory } = cluster.options(1);
  await write(node, 0, 30);
  await node.close();
  rmSync(`${directory}/store-1`, { recursive: true });
  await node.open();
  expect(await node.db.keys().all()).toHaveLength(30);
  await node.close();

  const cut = cluster.create(1, CUT_EARLY);
  await cut.open();
  await write(cut, 30, 60);
  await eventually("the log to be cut", async () => (await cut.status()).firstIndex > 2);
  await cut.close();
  rmSync(`${directory}/store-1`, { recursive: true });
  await expect(cut.open()).rejects.toMatchObject({ code: "CORRUPT" });
});

test("a commit stream follows from any index that the log holds, and says COMPACTED below", async () => {
  cluster = await Cluster.start(1, CUT_EARLY);
  const node = cluster.node(1);
  await node.db.put("first", "1");
  const controller = new AbortController();
  const seen: number[] = [];
  const read = async (): Promise<void> => {
    for await (const { index, commands } of node.commits({ from: 2, signal: controller.signal })) {
      seen.push(index);
      if (commands.length > 0 && index > 10) controller.abort(new Error("enough"));
    }
  };
  const reading = expect(read()).rejects.toThrow("enough");
  await write(node, 0, 15);
  await reading;
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 2));
  await write(node, 15, 40);
  await eventually("the log to be cut", async () => (await node.status()).firstIndex > 2);
  await expect(node.commits({ from: 2 }).next()).rejects.toMatchObject({ code: "COMPACTED" });
  const waiting = expect(node.commits({ from: 1_000 }).next()).rejects.toMatchObject({
    code: "CLOSED",
  });
  await node.close();
  await waiting;
});
