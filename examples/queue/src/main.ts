// Three nodes in one process: node dist/main.js 127.0.0.1:7401 127.0.0.1:7402 127.0.0.1:7403
import { type HoldfastNode, type MemoryMachine, openMachine } from "@holdfast/core";
import { acknowledge, claim, push, type Queue, queueMachine } from "./queue.ts";

const members = process.argv.slice(2).map((address, i) => ({ id: i + 1, address }));

function open(id: number): Promise<HoldfastNode<MemoryMachine<Queue>>> {
  return openMachine({
    directory: `./data-queue-${id}`,
    id,
    cluster: { name: "jobs", members },
    machine: queueMachine,
  });
}

const [first, second, third] = await Promise.all([open(1), open(2), open(3)]);
// Any node takes any command.
await push(first, "send the invoice");
await push(second, "water the kelp");
for (let job = await claim(third, 30_000); job !== undefined; job = await claim(third, 30_000)) {
  console.log(job.body, await acknowledge(third, job));
}
await first.readBarrier();
console.log(
  "left:",
  first.machine.read(({ jobs }) => jobs.size),
);
await Promise.all([first.close(), second.close(), third.close()]);
