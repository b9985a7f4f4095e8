import { expect, it } from "vitest";
import { formatTraceEvent } from "../../src/trace/trace.ts";
import { DiskUnderTest } from "./disk-fixture.ts";

/** Random work with all faults and some crashes; everything that can be seen of it, in order. */
async function story(seed: number): Promise<string> {
  const under = new DiskUnderTest(seed);
  const { random, world } = under;
  const lines: string[] = [];
  Object.assign(under.disk.faults, {
    syncError: 0.1,
    stall: 0.1,
    readError: 0.1,
    misdirectedWrite: 0.1,
    capacityBytes: 60_000,
  });
  for (let life = 0; life < 4; life += 1) {
    for (let step = 0; step < 15; step += 1) {
      const path = `/${"abc"[random.integer(0, 3)] ?? "a"}`;
      const bytes = random.bytes(random.integer(0, 9_000));
      const mounted = under.mounted;
      const [at, choice] = [random.integer(0, 9_000), random.integer(0, 6)];
      const work = async (): Promise<unknown> => {
        if (choice === 0) return mounted.writeFileAtomic(path, bytes);
        if (choice === 1) return mounted.rename(path, "/d");
        if (choice === 2) return mounted.remove(path);
        const file = await mounted.open(path, { create: true });
        if (choice === 3) await file.write(at, [bytes]);
        if (choice === 4) await file.appendAndSync(at, [bytes]);
        return file.read(at, 20);
      };
      const note = (what: unknown): void => {
        lines.push(`${world.now.toFixed(6)} ${path} ${String(what)}`);
      };
      void work().then(note, note);
      await under.runFor(random.integer(0, 20) / 10);
    }
    if (life === 2) lines.push(under.disk.corrupt(random) ?? "nothing");
    under.crash({ power: random.integer(0, 2) === 0 });
  }
  under.disk.faults.calm();
  for (const name of await under.run(under.mounted.list("/"))) {
    const { isDirectory } = (await under.run(under.mounted.stat(`/${name}`))) ?? {};
    if (isDirectory === false)
      lines.push(Buffer.from(await under.read(`/${name}`)).toString("hex"));
  }
  for (const [fault, times] of under.disk.shown) lines.push(`${fault} ${times}`);
  return [...lines, ...under.trace.map(formatTraceEvent)].join("\n");
}

it("the same seed gives the same disk, to the byte", async () => {
  const stories = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) {
    const one = await story(seed);
    expect(await story(seed)).toBe(one);
    stories.add(one);
  }
  expect(stories.size).toBe(20);
});
