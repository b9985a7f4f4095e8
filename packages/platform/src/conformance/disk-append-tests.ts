import { deepEqual } from "node:assert/strict";
import { type DiskTests, fails, text } from "./disk-bench.ts";

/** The order of appends. */
export const appendTests: DiskTests = {
  "appendAndSync: carries out 1,000 concurrent calls in order, and settles them in order": async (
    bench,
  ) => {
    await bench.withFile(bench.at("log"), async (file) => {
      const settled: number[] = [];
      // All write the same place, so that the file shows which came last, and one more at a place of their own.
      await Promise.all(
        Array.from({ length: 1_000 }, async (_, call) => {
          const place = text(String(call).padStart(4));
          await file.appendAndSync(0, [place, text(String(call).padEnd(call % 9))]);
          settled.push(call);
        }),
      );
      deepEqual(
        settled,
        Array.from({ length: 1_000 }, (_, call) => call),
      );
      deepEqual(await file.read(0, 4), text(" 999"));
    });
  },

  "appendAndSync: keeps the order across files": async (bench) => {
    await bench.withFile(bench.at("one"), (one) =>
      bench.withFile(bench.at("two"), async (two) => {
        const settled: number[] = [];
        await Promise.all(
          Array.from({ length: 200 }, async (_, call) => {
            await (call % 3 === 0 ? one : two).appendAndSync(call, [text("x")]);
            settled.push(call);
          }),
        );
        deepEqual(
          settled,
          Array.from({ length: 200 }, (_, call) => call),
        );
      }),
    );
  },

  "appendAndSync: is carried out before close resolves": async (bench) => {
    const file = await bench.disk.open(bench.at("log"), { create: true });
    const appends = Array.from({ length: 50 }, (_, call) => file.appendAndSync(call, [text("x")]));
    await Promise.all([file.close(), file.close()]);
    await Promise.all(appends);
    deepEqual(await bench.disk.readFile(bench.at("log")), text("x".repeat(50)));
  },

  "appendAndSync: goes on with a new file after one was closed": async ({ disk, directory }) => {
    const at = (round: number): string => `${directory}/log-${round}`;
    for (let round = 0; round < 5; round += 1) {
      const file = await disk.open(at(round), { create: true });
      await file.appendAndSync(0, [text(String(round))]);
      await file.close();
    }
    deepEqual(await disk.readFile(at(4)), text("4"));
    deepEqual(await disk.readFile(at(3)), text("3"));
  },

  "close of the disk: twice, after the appends under way; later ones are refused": async (
    bench,
  ) => {
    const path = bench.at("log");
    const { disk } = bench;
    const file = await disk.open(path, { create: true });
    const append = file.appendAndSync(0, [text("last")]);
    await Promise.all([disk.close(), disk.close()]);
    await append;
    await fails(file.appendAndSync(4, [text("late")]), "IO", path);
    await file.close();
    deepEqual(await disk.readFile(path), text("last"));
  },
};
