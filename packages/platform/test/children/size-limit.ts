// Three writes at once, of which the second crosses the limit on the size of a file, and what they left behind.
import { join } from "node:path";
import { nodeDisk } from "../../src/node-disk.ts";
import { DiskError } from "../../src/errors.ts";

const [method, directory = ""] = process.argv.slice(2);
const disk = nodeDisk();
const file = await disk.open(join(directory, "file"), { create: true });
const write = (position: number, letter: string, length: number): Promise<void> => {
  const buffers = [Buffer.alloc(length, letter)];
  return method === "write" ? file.write(position, buffers) : file.appendAndSync(position, buffers);
};

const writes = [write(0, "a", 3), write(3, "b", 1 << 20)];
if (method === "write") await Promise.allSettled(writes);
writes.push(write(0, "c", 3));
const results = await Promise.allSettled(writes);
const outcomes = results.map((result) => {
  if (result.status === "fulfilled") return "resolved";
  return result.reason instanceof DiskError ? result.reason.code : String(result.reason);
});
const head = Buffer.from(await file.read(0, 3)).toString();
await file.close();
await disk.close();
process.stdout.write(JSON.stringify({ outcomes, head }));
