import { expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import { type NodeSettings, presets } from "../../src/index.ts";

type PresetName = keyof typeof presets;

const names = Object.keys(presets) as PresetName[];

function settingsWith(preset: PresetName | undefined): ReturnType<typeof resolveSettings> {
  const members = [1, 2, 3].map((id) => ({ id, address: `127.0.0.1:${7000 + id}` }));
  const base: NodeSettings = { directory: "/data", id: 1, cluster: { name: "test", members } };
  return resolveSettings(preset === undefined ? base : { ...base, preset });
}

/** Every value by its path, so that two presets can be compared field by field. */
function flat(value: unknown, path = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [path]: value };
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flat(inner, at(key))),
  ) as Record<string, unknown>;
}

test("presets are data", () => {
  expect(presets).toMatchInlineSnapshot(`
    {
      "development": {
        "log": {
          "cacheBytes": 8388608,
          "retainBytes": 4194304,
          "segmentBytes": 4194304,
        },
        "replication": {
          "replicationFactor": 1,
        },
      },
      "production": {
        "log": {
          "cacheBytes": 67108864,
          "retainBytes": 67108864,
          "segmentBytes": 67108864,
        },
        "replication": {
          "replicationFactor": 3,
        },
      },
      "wan": {
        "raft": {
          "electionMaxMs": 10000,
          "electionMinMs": 5000,
          "heartbeatMs": 1000,
        },
        "replication": {
          "replicationFactor": 3,
        },
        "timeouts": {
          "proposalMs": 30000,
          "readMs": 30000,
        },
      },
    }
  `);
});

test.each(names)("%s differs from the defaults in what it says, and in nothing else", (name) => {
  const expected = { ...flat(settingsWith(undefined)), ...flat(presets[name]) };
  expect(flat(settingsWith(name))).toEqual(expected);
});

test("development and production differ, field by field, in", () => {
  const development = flat(settingsWith("development"));
  const production = flat(settingsWith("production"));
  const different = Object.keys(production).filter((key) => development[key] !== production[key]);
  const table = different.map((key) => [key, development[key], production[key]]);
  expect(table).toMatchInlineSnapshot(`
    [
      [
        "replication.replicationFactor",
        1,
        3,
      ],
      [
        "log.segmentBytes",
        4194304,
        67108864,
      ],
      [
        "log.cacheBytes",
        8388608,
        67108864,
      ],
      [
        "log.retainBytes",
        4194304,
        67108864,
      ],
    ]
  `);
});

test.each(names)("%s is frozen, down to every value", (name) => {
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    expect(Object.isFrozen(value)).toBe(true);
    Object.values(value).forEach(walk);
  };
  walk(presets);
  const preset = presets[name] as { replication?: { replicationFactor?: number } };
  expect(() => {
    if (preset.replication !== undefined) preset.replication.replicationFactor = 5;
  }).toThrow(TypeError);
});

test("a key that is given wins over the preset's, and leaves its neighbours alone", () => {
  const settings = resolveSettings({
    directory: "/data",
    id: 1,
    cluster: { name: "test", members: [{ id: 1, address: "127.0.0.1:1" }] },
    preset: "wan",
    replication: { replicationFactor: 1 },
    raft: { heartbeatMs: 900 },
    timeouts: { readMs: 1 },
  });
  expect(settings.replication.replicationFactor).toBe(1);
  expect(settings.raft).toMatchObject({
    heartbeatMs: 900,
    electionMinMs: 5_000,
    electionMaxMs: 10_000,
  });
  expect(settings.timeouts).toEqual({ proposalMs: 30_000, readMs: 1 });
});
