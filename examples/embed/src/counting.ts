import { openMachine } from "@holdfast/core";
import { Counters, increment } from "./counters.ts";

const node = await openMachine({
  directory: "./data-counting",
  id: 1,
  cluster: { name: "counting", members: [{ id: 1, address: "127.0.0.1:0" }] },
  machine: (context) => Counters.open(context),
});
console.log(await node.propose(increment("visits")));
// From here on the local state holds everything that was acknowledged before, on whichever member.
await node.readBarrier();
console.log(node.machine.value("visits"));
await node.close();
