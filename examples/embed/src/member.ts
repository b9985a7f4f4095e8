// One of three: node dist/member.js 1 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003
import { openNode } from "@holdfast/core";

const [id = "1", ...addresses] = process.argv.slice(2);
const node = await openNode({
  preset: "production",
  directory: `./data-${id}`,
  id: Number(id),
  cluster: { name: "orders", members: addresses.map((address, i) => ({ id: i + 1, address })) },
});
process.once("SIGTERM", () => void node.close());
await node.db.put(`started/${id}/${process.pid}`, new Date().toISOString());
console.log(await node.db.keys().all());
