// One member of the cluster, in a process of its own: `node member.js SETTINGS` opens the production node on a real directory
// and does what the orchestrator asks over the channel between them. What faults do to it comes from outside.
import { createNode, type NodeSettings } from "@holdfast/core";
import { inspect } from "@holdfast/core/inspection";
import { content, perform } from "./operations.ts";
import type { Answer, Envelope, MemberMessage, MemberStatus, Request } from "./protocol.ts";

const [settings = ""] = process.argv.slice(2);
const node = createNode(JSON.parse(settings) as NodeSettings);

function say(message: MemberMessage, then?: () => void): void {
  // Without the orchestrator there is nobody to tell.
  if (process.send === undefined || !process.connected) then?.();
  else process.send(message, undefined, undefined, () => then?.());
}

function stop(error: Error): void {
  say({ type: "stopped", reason: error.message }, () => process.exit(1));
}

function status(): MemberStatus {
  const inside = inspect(node);
  if (inside === undefined) throw new Error("the node is not open");
  return {
    leader: inside.leader === 0 ? undefined : inside.leader,
    term: inside.term,
    commit: inside.commit,
    applied: inside.machine.index,
    stateHash: Buffer.from(inside.machine.stateHash).toString("hex"),
    wallMs: Date.now(),
  };
}

async function answer(request: Request): Promise<Answer> {
  switch (request.type) {
    case "operation":
      return { type: "outcome", outcome: await perform(node, request.operation) };
    case "status":
      return { type: "status", status: status() };
    case "content":
      return { type: "rows", rows: await content(node, request.after, request.limit) };
  }
}

process.on("message", ({ id, request }: Envelope) => {
  void answer(request)
    .catch((error: unknown): Answer => ({ type: "refused", reason: String(error) }))
    .then((result) => {
      say({ type: "answer", id, answer: result });
    });
});
// A member whose orchestrator is gone, however it went, must not stay behind.
process.on("disconnect", () => process.exit(1));
// Ctrl-C reaches every process of the terminal; the orchestrator decides what happens then.
process.on("SIGINT", () => undefined);

node.events.on("stopped", stop);
try {
  await node.open();
  say({ type: "open" });
} catch (error) {
  stop(error instanceof Error ? error : new Error(String(error)));
}
