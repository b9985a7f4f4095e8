import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stateMachineSuite } from "@holdfast/core/conformance";
import { nodePlatform } from "@holdfast/platform";
import { afterAll, test } from "vitest";
import { Counters, increment } from "../src/counters.ts";

const folder = mkdtempSync(path.join(tmpdir(), "holdfast-counters-"));
const platform = nodePlatform();
const NAMES = 100;

afterAll(async () => {
  await platform.disk.close();
  rmSync(folder, { recursive: true, force: true });
});

stateMachineSuite({
  test,
  location: () => Promise.resolve(mkdtempSync(path.join(folder, "state-"))),
  open: (location, lostUnsynced) => Counters.open({ location, platform, lostUnsynced }),
  command: (number) => increment(`a counter with a long name, number ${number % NAMES}`),
  contents: (machine) => {
    if (!(machine instanceof Counters)) throw new TypeError("opened by Counters.open");
    const names = Array.from(
      { length: NAMES },
      (_, i) => `a counter with a long name, number ${i}`,
    );
    return Promise.resolve(names.map((name) => machine.value(name)));
  },
});
