// A tour of what a node offers; the README shows it in pieces.
import { openNode, HoldfastError } from "@holdfast/core";

interface Order {
  readonly item: string;
  readonly count: number;
}

const node = await openNode<string, Order>({
  directory: "./data-tour",
  id: 1,
  cluster: { name: "orders", members: [{ id: 1, address: "127.0.0.1:0" }] },
  database: { valueEncoding: "json" },
});
const { db } = node;

// Resolves when most voters have it on disk and this node has applied it.
await db.put("order/1", { item: "apple", count: 2 });
// One command: all of it or nothing, on every member.
await db.batch([
  { type: "put", key: "order/2", value: { item: "pear", count: 1 } },
  { type: "put", key: "order/3", value: { item: "plum", count: 9 } },
  { type: "del", key: "order/1" },
]);

// Sees every write that was acknowledged before the call, on whichever member.
console.log(await db.get("order/1"), await db.getMany(["order/2", "order/3"]));
// The state of one moment, however long the loop takes.
for await (const [key, order] of db.iterator({ gte: "order/", lt: "order0" })) {
  console.log(key, order.item);
}
// To read several times from one moment.
const snapshot = await db.currentSnapshot();
console.log(await db.get("order/2", { snapshot }), await db.keys({ snapshot }).all());
await snapshot.close();

// A key space of its own; a batch may span several.
const archive = db.sublevel<string, Order>("archive", { valueEncoding: "json" });
await db.batch([
  { type: "del", key: "order/2" },
  { type: "put", key: "order/2", value: { item: "pear", count: 1 }, sublevel: archive },
]);
console.log(await db.has("order/2"), await archive.has("order/2"));

// Every committed entry from the first that the log holds, then those to come.
const { firstIndex } = await node.status();
for await (const { index, term, commands } of node.commits({ from: firstIndex })) {
  console.log(`entry ${index} of term ${term}: ${commands.length} commands`);
  if (commands.length > 0) break;
}

// A new member is a learner at first: it gets everything, does not vote, and cannot cost the group its quorum.
await node.members.add({ id: 2, address: "127.0.0.1:7002" });
console.log(node.members.list().map(({ id, role }) => `${id}: ${role}`));

try {
  // It has not caught up (nobody has started it), so it may not vote.
  await node.members.promote(2);
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error;
  console.log(error.code, error.message);
}
await node.members.remove(2);

const { role, commit, applied } = await node.status();
console.log(role, commit === applied);
await node.close();
