import { rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { Cluster, eventually } from "./cluster-fixture.ts";
import { fill, keyCount, refusal } from "./expectations.ts";

test("a node that joined and was never restarted is refused without its log, too", async () => {
  const cluster = await Cluster.start(1);
  try {
    await fill(cluster.node(1), 0, 5);
    const address = await cluster.reserveOne(2);
    await cluster.node(1).members.add({ id: 2, address });
    const members = [{ id: 1, address: cluster.address(1) }];
    const joined = cluster.create(2, {
      listen: address,
      cluster: { name: "test", members, join: true },
    });
    await joined.open();
    await eventually("the data", async () => (await keyCount(joined)) === 5);
    await joined.close();
    rmSync(path.join(cluster.root, "node-2", "wal"), { recursive: true });
    const message = await refusal(joined.open(), "IDENTITY");
    expect(message).toContain("its log is empty");
  } finally {
    await cluster.destroy();
  }
});
