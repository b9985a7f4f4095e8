// Opens a node in the directory given as argument, uses it as the second argument says, and stops talking: nothing may keep it alive.
import { openNode } from "../../src/index.ts";

const [directory = "", use = ""] = process.argv.slice(2);
const alone = [{ id: 1, address: "127.0.0.1:0" }];
// Nobody listens on these ports: the node goes on dialling until it is closed.
const missed = [7, 8, 9].map((port) => ({ id: port - 6, address: `127.0.0.1:${port}` }));
const node = await openNode({
  directory,
  id: 1,
  listen: "127.0.0.1:0",
  cluster: {
    name: "test",
    members: use === "no quorum" ? missed : alone,
  },
  log: { segmentBytes: 1_048_576 },
});
const outcomes: string[] = [];
const note = async (what: string, work: Promise<unknown>): Promise<void> => {
  try {
    await work;
    outcomes.push(`${what} done`);
  } catch (error) {
    outcomes.push(`${what} ${(error as { readonly code: string }).code}`);
  }
};
switch (use) {
  case "write":
    await node.db.put("key", "value");
    break;
  case "no quorum":
    void note("put", node.db.put("key", "value"));
    void note("get", node.db.get("key"));
    void note("next", node.db.iterator().next());
    break;
  default:
    throw new Error(`unknown use ${use}`);
}
await node.close();
process.stdout.write(`${["closed", ...outcomes].join(", ")}\n`);
