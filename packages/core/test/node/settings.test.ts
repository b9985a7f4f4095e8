import { afterEach, expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import { Bench, type SettingCheck, type SettingPath } from "./settings/bench.ts";
import { checkpointChecks } from "./settings/checkpoint-checks.ts";
import { nodeChecks } from "./settings/node-checks.ts";
import { replicationChecks } from "./settings/replication-checks.ts";
import { transportChecks } from "./settings/transport-checks.ts";

/** A key without an effect does not exist. A key that is missing here does not compile, and fails the last test. */
const checks: Readonly<Record<SettingPath, SettingCheck>> = {
  ...nodeChecks,
  ...checkpointChecks,
  ...replicationChecks,
  ...transportChecks,
};

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.destroy();
  bench = undefined;
});

test.each(Object.entries(checks))(
  "%s makes a difference",
  async (_, check) => {
    bench = new Bench();
    await check(bench);
  },
  60_000,
);

test("no key is forgotten", () => {
  const settings = resolveSettings({
    directory: "data",
    id: 1,
    advertise: "a:1",
    cluster: { name: "test", members: [{ id: 1, address: "a:1" }] },
  });
  const paths = Object.entries(settings).flatMap(([key, value]: [string, unknown]) =>
    typeof value === "object" && value !== null
      ? Object.keys(value).map((inner) => `${key}.${inner}`)
      : [key],
  );
  expect(Object.keys(checks).sort()).toEqual([...paths, "preset"].sort());
});
