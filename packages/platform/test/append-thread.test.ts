import { expect, it } from "vitest";
import { AppendThread } from "../src/append-thread.ts";

// A thread that dies between a write and its sync leaves nobody to say what is on the disk.
it.each([
  ["throws", `process.nextTick(() => { throw new Error("out of luck"); });`],
  ["ends", `require("node:worker_threads").parentPort.once("message", () => process.exit());`],
  ["cannot be compiled", `this is not a program`],
])("rejects what is under way, and everything later, when the program %s", async (_, program) => {
  const thread = new AppendThread(program);
  const file = thread.register();
  const append = (): Promise<void> => thread.append(file, 0, 0, [new Uint8Array(1)]);
  const results = await Promise.allSettled([append(), append(), append()]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "rejected"]);
  await expect(append()).rejects.toThrow(/the append thread/);
  thread.forget(file);
  await thread.close();
});

it("closes without ever having started", async () => {
  const thread = new AppendThread();
  await Promise.all([thread.close(), thread.close()]);
  await expect(thread.append(thread.register(), 0, 0, [])).rejects.toThrow("closed");
});

it("closes while the thread dies under its appends", async () => {
  const thread = new AppendThread(
    `require("node:worker_threads").parentPort.once("message", () => process.exit());`,
  );
  const append = thread.append(thread.register(), 0, 0, [new Uint8Array(1)]);
  const closing = thread.close();
  await expect(append).rejects.toThrow("the append thread ended");
  await closing;
});
