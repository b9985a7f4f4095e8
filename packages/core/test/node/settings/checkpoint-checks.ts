import { readdirSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import type { DatabaseNode, NodeOptions } from "../../../src/index.ts";
import { eventually } from "../cluster-fixture.ts";
import { type Bench, NO_ELECTIONS, putMany, type SettingCheck } from "./bench.ts";

const SMALL = { segmentBytes: 1_048_576, retainBytes: 0, retainForFollowersBytes: 0 };
const OFTEN = { snapshotThreshold: 8, snapshotBytes: 1_000_000_000, compactionOverhead: 0 };

/** Whether the state was ever made durable: LevelDB writes a table only when it is flushed. */
function flushed(directory: string): boolean {
  const names = readdirSync(path.join(directory, "store-1"));
  return names.some((name) => name.endsWith(".ldb"));
}

/** Opens a node with these options, has it take 40 entries of 1,000 bytes, and returns its directory. */
async function filled(bench: Bench, checkpoint: NodeOptions["checkpoint"]): Promise<string> {
  const cluster = await bench.open(1, {
    log: SMALL,
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  await putMany(cluster.node(1), 40, 1_000);
  return cluster.options(1).directory;
}

/** With `never` the state is not made durable meanwhile, with `soon` it is: in the background, so it may take a moment longer. */
async function expectFlush(
  bench: Bench,
  never: NodeOptions["checkpoint"],
  soon: NodeOptions["checkpoint"],
): Promise<void> {
  expect(flushed(await filled(bench, never))).toBe(false);
  const directory = await filled(bench, soon);
  await eventually("the state to be made durable", () => flushed(directory));
}

async function kept(node: DatabaseNode): Promise<number> {
  const { firstIndex, lastIndex } = await node.status();
  return lastIndex - firstIndex + 1;
}

/** Writes until the log was cut, and then as long as `enough` wants; entries hold 1,000 bytes. Returns the fewest entries seen kept. */
async function fewestKept(node: DatabaseNode, enough: (kept: number) => boolean): Promise<number> {
  let fewest = Infinity;
  await eventually("the log to be cut", async () => {
    await putMany(node, 10, 1_000);
    if ((await node.status()).firstIndex === 2) return false;
    fewest = Math.min(fewest, await kept(node));
    return enough(fewest);
  });
  return fewest;
}

/** When the state is made durable, and how much log is kept. */
export const checkpointChecks = {
  "checkpoint.snapshotThreshold": async (bench) => {
    const snapshotBytes = 1_000_000_000;
    await expectFlush(
      bench,
      { snapshotThreshold: 1_000, snapshotBytes },
      { snapshotThreshold: 5, snapshotBytes },
    );
  },

  "checkpoint.snapshotBytes": async (bench) => {
    const snapshotThreshold = 1_000_000;
    await expectFlush(
      bench,
      { snapshotThreshold, snapshotBytes: 1_000_000 },
      { snapshotThreshold, snapshotBytes: 5_000 },
    );
  },

  "checkpoint.compactionOverhead": async (bench) => {
    const open = (compactionOverhead: number): Promise<DatabaseNode> =>
      bench.one({ log: SMALL, checkpoint: { ...OFTEN, compactionOverhead } });
    expect(await fewestKept(await open(0), (least) => least < 25)).toBeLessThan(25);
    const cuts = new Set<number>();
    const node = await open(30);
    const fewest = await fewestKept(node, () => {
      void node.status().then(({ firstIndex }) => cuts.add(firstIndex));
      return cuts.size > 3;
    });
    expect(fewest).toBeGreaterThanOrEqual(30);
  },

  "log.retainBytes": async (bench) => {
    const open = (retainBytes: number): Promise<DatabaseNode> =>
      bench.one({ log: { ...SMALL, retainBytes }, checkpoint: OFTEN });
    expect(await fewestKept(await open(0), (least) => least < 25)).toBeLessThan(25);
    const cuts = new Set<number>();
    const node = await open(40_000);
    const fewest = await fewestKept(node, () => {
      void node.status().then(({ firstIndex }) => cuts.add(firstIndex));
      return cuts.size > 3;
    });
    // 40,000 bytes in entries of 1,000 bytes and what surrounds them.
    expect(fewest).toBeGreaterThanOrEqual(34);
  },

  "log.retainForFollowersBytes": async (bench) => {
    /** The store of a follower that was deaf for a while: another one when it was given a snapshot. */
    const storeAfterLag = async (retainForFollowersBytes: number): Promise<readonly string[]> => {
      const cluster = await bench.open(3, {
        // Little on its way: what the deaf one does not answer is not sent.
        raft: { ...NO_ELECTIONS, maxInflightMessages: 4 },
        log: { ...SMALL, retainForFollowersBytes },
        checkpoint: OFTEN,
      });
      const leader = await cluster.leader();
      await putMany(leader, 5, 100, "before");
      const [late, other] = cluster.nodes.filter((node) => node !== leader);
      if (late === undefined || other === undefined) throw new Error("two follow");
      bench.network(late.id).setDeaf(true);
      await putMany(leader, 60, 100);
      // The others have cut what the deaf one lacks, unless the leader keeps it for it.
      const cutter = retainForFollowersBytes === 0 ? leader : other;
      await eventually("a cut", async () => (await cutter.status()).firstIndex > 30);
      bench.network(late.id).setDeaf(false);
      await eventually("the late one", async () => {
        await leader.db.put("again", "");
        return (await late.status()).applied >= (await leader.status()).commit - 1;
      });
      const names = readdirSync(cluster.options(late.id).directory);
      return names.filter((name) => name.startsWith("store-"));
    };
    expect(await storeAfterLag(1_000_000)).toEqual(["store-1"]);
    // A snapshot that was overtaken on its way is followed by another one.
    expect(await storeAfterLag(0)).not.toEqual(["store-1"]);
  },
} satisfies Record<string, SettingCheck>;
