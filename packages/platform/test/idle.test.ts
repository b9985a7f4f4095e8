import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Child } from "./children/spawn.ts";

// The children end by themselves or this test times out: nobody kills them.
it.each(["clock", "disk", "closed disk", "lock", "network"])(
  "%s: does not keep the process alive when nothing is under way",
  async (part) => {
    const directory = await mkdtemp(join(tmpdir(), "holdfast-idle-"));
    expect(await Child.run("idle", part, directory).ended()).toBe("idle\n");
    await rm(directory, { recursive: true });
  },
);

it("keeps the process alive until the last append has settled", async () => {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-idle-"));
  expect(await Child.run("idle", "last append", directory).ended()).toBe("idle\nappended\n");
  expect((await readFile(join(directory, "log"))).length).toBe(4 << 20);
  await rm(directory, { recursive: true });
});
