import { afterEach, expect, test } from "vitest";
import type { DatabaseNode } from "../../src/index.ts";
import { Cluster, eventually } from "./cluster-fixture.ts";

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

function started(): Cluster {
  if (cluster === undefined) throw new Error("no cluster was started");
  return cluster;
}

/** Opens node `id` as one that waits to be added. */
async function joining(running: Cluster, id: number): Promise<string> {
  const members = running.nodes.map((node) => ({ id: node.id, address: running.address(node.id) }));
  const address = await running.reserveOne(id);
  await running
    .create(id, { listen: address, cluster: { name: "test", members, join: true } })
    .open();
  return address;
}

test("a learner is added, catches up, becomes a voter, and survives the restart of all", async () => {
  cluster = await Cluster.start(3);
  const running = cluster;
  const leader = await running.leader();
  for (let i = 0; i < 20; i++) await leader.db.put(`key-${i}`, String(i));
  const address = await joining(running, 4);
  await leader.members.add({ id: 4, address });
  expect(leader.members.list()).toContainEqual({ id: 4, role: "learner", address });
  await eventually("the learner to be promoted", async () => {
    return await leader.members.promote(4).then(
      () => true,
      () => false,
    );
  });
  expect(leader.members.list().map(({ role }) => role)).toEqual([
    "voter",
    "voter",
    "voter",
    "voter",
  ]);
  expect(await running.node(4).db.keys().all()).toHaveLength(20);
  await Promise.all(running.nodes.map((node) => node.close()));
  await Promise.all(running.nodes.map((node) => node.open()));
  for (const node of running.nodes) {
    expect(node.members.list().map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(await node.db.get("key-19")).toBe("19");
  }
});

test("a member that cannot be reached can be added, because learners cost no quorum (trap 39)", async () => {
  cluster = await Cluster.start(1);
  const node = await cluster.leader();
  await node.members.add({ id: 2, address: "127.0.0.1:9" });
  // However short the log is: as a voter it would cost the group its quorum.
  await expect(node.members.promote(2)).rejects.toThrow(/was not heard/);
  await node.members.remove(2);
  expect(node.members.list().map(({ id }) => id)).toEqual([1]);
  await node.db.put("key", "value");
});

test("a change may follow as soon as the one before has resolved", async () => {
  cluster = await Cluster.start(1);
  const node = await cluster.leader();
  for (let id = 2; id < 6; id++) await node.members.add({ id, address: `127.0.0.1:${id}` });
  for (let id = 2; id < 6; id++) await node.members.remove(id);
  expect(node.members.list().map(({ id }) => id)).toEqual([1]);
});

/** The leader of three, once it has heard both others. */
async function leaderOfThree(): Promise<DatabaseNode> {
  cluster = await Cluster.start(3);
  const leader = await cluster.leader();
  await eventually("the leader to hear the others", async () => {
    return (await leader.status()).followers.every(({ active }) => active);
  });
  return leader;
}

test("a removed follower is out, the others go on", async () => {
  const leader = await leaderOfThree();
  const follower = await started().follower();
  await leader.members.remove(follower.id);
  expect(leader.members.list().map(({ id }) => id)).not.toContain(follower.id);
  await leader.db.put("key", "value");
  expect(await leader.db.get("key")).toBe("value");
});

test("a leader that removes itself steps down, and another takes over", async () => {
  const leader = await leaderOfThree();
  const running = started();
  await leader.members.remove(leader.id);
  const others = running.nodes.filter((node) => node !== leader);
  const next = await eventually("another leader", async () => {
    for (const node of others) if ((await node.status()).role === "leader") return node;
    return undefined;
  });
  await next.db.put("key", "value");
  expect(next.members.list()).toHaveLength(2);
});

test("leadership moves to a chosen voter within an election timeout", async () => {
  cluster = await Cluster.start(3);
  const leader = await cluster.leader();
  const follower = await cluster.follower();
  await leader.db.put("key", "value");
  await leader.members.transferLeadership(follower.id);
  await eventually("the follower to lead", async () => {
    return (await follower.status()).role === "leader";
  });
  await leader.db.put("key", "through the follower now");
  expect(await follower.db.get("key")).toBe("through the follower now");
});

test("what would be wrong is refused with the reason", async () => {
  cluster = await Cluster.start(3);
  const running = cluster;
  const leader = await running.leader();
  const follower = await running.follower();
  const refused = { code: "MEMBERSHIP" };
  await expect(follower.members.remove(leader.id)).rejects.toMatchObject(refused);
  await expect(leader.members.add({ id: 2, address: "127.0.0.1:9" })).rejects.toMatchObject(
    refused,
  );
  await expect(leader.members.add({ id: 9, address: running.address(1) })).rejects.toMatchObject(
    refused,
  );
  await expect(leader.members.add({ id: 9, address: "nowhere" })).rejects.toThrow(TypeError);
  await expect(leader.members.promote(9)).rejects.toMatchObject(refused);
  await expect(leader.members.remove(9)).rejects.toMatchObject(refused);
  await leader.members.add({ id: 9, address: "127.0.0.1:9" });
  await expect(leader.members.transferLeadership(9)).rejects.toMatchObject(refused);
});

test("removing a live voter is refused while that would cost the quorum", async () => {
  const leader = await leaderOfThree();
  const [alive, dead] = started().nodes.filter((node) => node !== leader);
  if (alive === undefined || dead === undefined) throw new Error("three nodes have two followers");
  await dead.close();
  await eventually("the leader to miss the dead one", async () => {
    const { followers } = await leader.status();
    return followers.some(({ id, active }) => id === dead.id && !active);
  });
  await expect(leader.members.remove(alive.id)).rejects.toMatchObject({ code: "MEMBERSHIP" });
  await leader.members.remove(dead.id);
  await leader.db.put("key", "value");
});

test("members beyond the replication factor begin as learners (O8)", async () => {
  cluster = await Cluster.start(4, { replication: { replicationFactor: 3 } });
  const leader = await cluster.leader();
  expect(leader.members.list().map(({ role }) => role)).toEqual([
    "voter",
    "voter",
    "voter",
    "learner",
  ]);
  await leader.db.put("key", "value");
  expect(await cluster.node(4).db.get("key")).toBe("value");
});
