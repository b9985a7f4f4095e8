import { afterEach, describe, expect, test } from "vitest";
import type { Command, DatabaseNode } from "../../src/index.ts";
import { Cluster } from "./cluster-fixture.ts";

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.destroy();
  cluster = undefined;
});

async function started(): Promise<DatabaseNode> {
  cluster = await Cluster.start(1);
  return cluster.node(1);
}

describe("a command that would stop every member is refused before it is proposed:", () => {
  const body = new Uint8Array(1);
  test.each<[string, Command, RegExp]>([
    ["a kind that is the node's", { kind: 0x01, body }, /kind \(1\)/],
    ["a kind that the database does not know", { kind: 0x50, body }, /no command of kind \(80\)/],
    ["a kind that fits no byte", { kind: 256, body }, /kind \(256\)/],
    ["a kind that is no whole number", { kind: 64.5, body }, /kind \(64.5\)/],
    ["a body that is not bytes", { kind: 0x41, body: "key" as unknown as Uint8Array }, /body/],
  ])("%s", async (_, command, reason) => {
    const node = await started();
    await node.db.put("first", "value");
    const { lastIndex } = await node.status();
    const refused = node.propose(command);
    await expect(refused).rejects.toThrow(TypeError);
    await expect(refused).rejects.toThrow(reason);
    expect(await node.status()).toMatchObject({ state: "open", lastIndex });
    await node.db.put("key", "value");
  });
});

test("a command of the database with a body that makes no sense is refused by the state machine", async () => {
  const node = await started();
  await expect(node.propose({ kind: 0x40, body: new Uint8Array(1) })).rejects.toThrow(/cut short/);
  expect((await node.status()).state).toBe("open");
});
