import { nodeDisk } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { contentOf, entries, entry, openLog, withDirectory } from "./log-fixture.ts";

const disk = nodeDisk();

describe("WriteAheadLog", () => {
  it("shows what was appended, and again after it was closed and opened", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory);
      await log.append({
        group: 1,
        entries: entries(1, 10),
        hardState: { term: 1, vote: 2, commit: 3 },
      });
      await log.append({ group: 1, entries: [entry(8, 2)] });
      const before = await contentOf(log, 1);
      expect(before.entries.map(({ index, term }) => [index, term]).slice(6)).toEqual([
        [7, 1],
        [8, 2],
      ]);
      await log.close();
      const again = await openLog(disk, directory);
      expect(await contentOf(again.log, 1)).toEqual(before);
      expect(again.log.group(1).initialState().hardState).toEqual({ term: 1, vote: 2, commit: 3 });
      await again.log.close();
    }));

  it("writes everything that one turn appends with one sync", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory, { segmentBytes: 1 << 20 });
      await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => log.append({ group: 1, entries: [entry(i + 1)] })),
      );
      expect(log.stats).toMatchObject({ appends: 1_000, syncs: 1 });
      await log.close();
    }));

  it("rolls over to further segments and removes those that nobody needs", () =>
    withDirectory(async (directory) => {
      const { log } = await openLog(disk, directory);
      for (let i = 1; i <= 200; i++) await log.append({ group: 1, entries: [entry(i, 1, 400)] });
      expect(log.stats.segments).toBeGreaterThan(5);
      const before = await contentOf(log, 1);
      await log.close();
      const again = await openLog(disk, directory);
      expect(await contentOf(again.log, 1)).toEqual(before);
      again.log.compact(1, 190);
      await again.log.append({ group: 1, entries: [entry(201, 1, 400)] });
      await again.log.close();
      const third = await openLog(disk, directory);
      expect(third.log.stats.segments).toBeLessThan(3);
      expect((await contentOf(third.log, 1)).entries.map(({ index }) => index)).toEqual([
        191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201,
      ]);
      await third.log.close();
    }));
});
