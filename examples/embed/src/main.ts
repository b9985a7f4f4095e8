import { openNode } from "@holdfast/core";

const node = await openNode({
  directory: "./data",
  id: 1,
  cluster: { name: "orders", members: [{ id: 1, address: "127.0.0.1:0" }] },
});
await node.db.put("order/1", "2 apples");
console.log(await node.db.get("order/1"));
await node.close();
