import { nodeScheduler, type TurnScheduler } from "@holdfast/platform";
import { afterEach, expect, test } from "vitest";
import { Cluster } from "./cluster-fixture.ts";
import { CuttableNetwork } from "./cuttable-network.ts";

/** Counts the turns that a node asks for. */
class CountedTurns implements TurnScheduler {
  readonly #scheduler: TurnScheduler = nodeScheduler();
  count = 0;

  endOfTurn(callback: () => void): void {
    this.count += 1;
    this.#scheduler.endOfTurn(callback);
  }
}

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

// Found by the simulator: a hand-over that fails is reported in a turn of its own, whose end was the next attempt.
test("a follower without a connection to its leader does not keep the event loop busy", async () => {
  cluster = new Cluster({
    raft: { heartbeatMs: 50, electionMinMs: 2_000, electionMaxMs: 3_000 },
    timeouts: { proposalMs: 500 },
  });
  await cluster.reserve(3);
  const worlds = [1, 2, 3].map((id) => ({
    id,
    network: new CuttableNetwork(),
    scheduler: new CountedTurns(),
  }));
  for (const { id, network, scheduler } of worlds) {
    cluster.create(id, { platform: { network, scheduler } });
  }
  await Promise.all(cluster.nodes.map((node) => node.open()));
  const follower = await cluster.follower();
  await follower.db.put("key", "before");
  const world = worlds.find(({ id }) => id === follower.id);
  if (world === undefined) throw new Error("a node without its world");
  world.network.cut();
  // Until it has given up for a while, what is sent waits for the connection.
  await expect(follower.db.put("key", "first")).rejects.toBeDefined();
  const before = world.scheduler.count;
  await expect(follower.db.put("key", "second")).rejects.toMatchObject({ code: "NOT_COMMITTED" });
  // Half a second has some fifty ticks.
  expect(world.scheduler.count - before).toBeLessThan(2_000);
});
