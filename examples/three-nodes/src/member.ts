// One member of the cluster, in a process of its own: opens a node and does what the main program asks.
import { openNode, type DatabaseNode } from "@holdfast/core";
import type { Answer, Envelope, Request, Row } from "./protocol.ts";

let opening: Promise<DatabaseNode> | undefined;

async function answer(request: Request): Promise<Answer> {
  if (request.type === "open") {
    opening = openNode(request.settings);
    await opening;
    return { type: "done" };
  }
  if (opening === undefined) throw new Error("open first");
  const node = await opening;
  const { db } = node;
  switch (request.type) {
    case "put":
      await Promise.all(request.rows.map(([key, value]) => db.put(key, value)));
      return { type: "done" };
    case "page": {
      const { after, limit } = request;
      const rows: Row[] = await db.iterator({ gt: after, limit }).all();
      return { type: "rows", rows };
    }
    case "prefix": {
      const { prefix, limit } = request;
      const rows: Row[] = await db.iterator({ gte: prefix, lt: `${prefix}\uffff`, limit }).all();
      return { type: "rows", rows };
    }
    case "status":
      return { type: "status", status: await node.status() };
    case "close":
      await node.close();
      return { type: "done" };
  }
}

process.on("message", ({ id, body }: Envelope<Request>) => {
  void answer(body)
    .catch((error: unknown): Answer => ({ type: "failed", message: String(error) }))
    .then((result) => {
      // The main program may have ended meanwhile.
      if (!process.connected) return;
      process.send?.({ id, body: result } satisfies Envelope<Answer>);
      if (body.type === "close") process.disconnect();
    });
});

// Without its main program a member has nobody to serve, even while it is still opening its node.
process.on("disconnect", () => {
  void Promise.resolve(opening)
    .then((node) => node?.close())
    .finally(() => process.exit());
});
// Ctrl-C reaches every process of the terminal; the main program decides what happens then.
process.on("SIGINT", () => undefined);
