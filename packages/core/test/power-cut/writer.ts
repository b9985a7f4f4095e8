import { writeSync } from "node:fs";
import { nodePlatform } from "@holdfast/platform";
import { kvMachine } from "../../src/kv/kv-machine.ts";
import { workloadEntry } from "./workload.ts";

// Writes the workload into the store given as argument until it is killed, and says on its standard output how far it is. The
// lines are written synchronously: what the parent has read did happen.

const ENTRIES_AT_ONCE = 4;
const ENTRIES_PER_CHECKPOINT = 250;

const [location = "", lostUnsynced = ""] = process.argv.slice(2);
const machine = await kvMachine()({
  location,
  platform: nodePlatform(),
  lostUnsynced: lostUnsynced === "lost-unsynced",
});

let checkpointed = machine.applied().index;
let running: Promise<void> | undefined;
async function checkpoint(): Promise<void> {
  checkpointed = await machine.checkpoint();
  writeSync(1, `checkpoint ${checkpointed}\n`);
  running = undefined;
}

writeSync(1, `open ${checkpointed}\n`);
for (let index = checkpointed + 1; ; index += ENTRIES_AT_ONCE) {
  const entries = Array.from({ length: ENTRIES_AT_ONCE }, (_, i) => workloadEntry(index + i));
  await machine.apply(entries);
  writeSync(1, `applied ${index + ENTRIES_AT_ONCE - 1}\n`);
  // Beside the writes, as in a node.
  if (index - checkpointed >= ENTRIES_PER_CHECKPOINT) running ??= checkpoint();
}
