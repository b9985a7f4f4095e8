// Opens a node in the directory given as argument and keeps it until it is killed.
import { openNode } from "../../src/index.ts";

const [directory = ""] = process.argv.slice(2);
const node = await openNode({
  directory,
  id: 1,
  cluster: { name: "test", members: [{ id: 1, address: "127.0.0.1:0" }] },
  log: { segmentBytes: 1_048_576 },
});
await node.db.put("held", "by another process");
process.stdout.write("open\n");
setInterval(() => undefined, 1_000);
