import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type DatabaseNode, HoldfastError, openNode } from "@holdfast/core";
import { checkHistory, HistoryRecorder } from "@holdfast/testing/history";
import { expect, test } from "vitest";

// The README shows this part.
const recorder = new HistoryRecorder({ now: () => performance.now() });

/** One put of one client, from its call to its end. */
async function recordedPut(
  node: DatabaseNode,
  process: number,
  key: string,
  value: string,
): Promise<void> {
  const id = recorder.invoke(process, { type: "put", key, value });
  try {
    const change = { type: "put", key: Buffer.from(key), value: Buffer.from(value) } as const;
    const { revision } = await node.write([change]);
    recorder.ok(id, { type: "write", revision });
  } catch (error) {
    // Nothing but this code promises that the write never will take effect.
    const never = error instanceof HoldfastError && error.code === "NOT_COMMITTED";
    if (never) recorder.fail(id, error.message);
    else recorder.unknown(id, String(error));
  }
}
// To here.

test("a node's history is recorded as the README shows, and found linearizable", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-recording-"));
  const members = [{ id: 1, address: "127.0.0.1:0" }];
  const node = await openNode({ directory, id: 1, cluster: { name: "recorded", members } });
  try {
    await Promise.all([1, 2, 3].map((process) => recordedPut(node, process, "key", `${process}`)));
    const read = recorder.invoke(1, { type: "get", key: "key" });
    recorder.ok(read, { type: "get", value: (await node.db.get("key")) ?? null });
  } finally {
    await node.close();
    rmSync(directory, { recursive: true, force: true });
  }
  await recordedPut(node, 2, "key", "too late");
  const { events } = recorder;
  expect(events.map(({ type }) => type).filter((type) => type === "ok")).toHaveLength(4);
  expect(events.at(-1)).toMatchObject({ type: "unknown", process: 2 });
  expect(checkHistory(events).verdict).toBe("linearizable");
  // The same with a value that nobody wrote.
  const wrong = events.map((event) =>
    event.type === "ok" && event.result.type === "get"
      ? { ...event, result: { type: "get", value: "4" } as const }
      : event,
  );
  expect(checkHistory(wrong).verdict).toBe("not-linearizable");
});
