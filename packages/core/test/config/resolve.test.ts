import { describe, expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import { ConfigError, createNode, type NodeSettings, openNode } from "../../src/index.ts";
import { base, members } from "./settings-fixture.ts";

const MIB = 1_048_576;

/** The issues of `input`, which is not what the types say: users of JavaScript have no types. */
function issuesOf(input: unknown): readonly (readonly [path: string, message: string])[] {
  try {
    resolveSettings(input as NodeSettings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ path, message }) => [path, message] as const);
  }
  return [];
}

const pathsOf = (input: unknown): readonly string[] => issuesOf(input).map(([path]) => path);

describe("wrong keys", () => {
  test("are all reported at once, each with its path", () => {
    const input = {
      preset: "staging",
      directory: "",
      id: 1.5,
      listen: "localhost",
      advertise: 7000,
      cluster: { name: "", members: [{ id: 0, address: "x" }], join: "yes" },
      replication: { replicationFactor: "3", batchSize: 0 },
      raft: {
        heartbeatMs: 0,
        electionMinMs: "1",
        electionMaxMs: Number.NaN,
        maxAppendEntries: 0,
        maxAppendBytes: 0,
        maxInflightMessages: 0,
        maxInflightBytes: 0,
        maxUncommittedBytes: Infinity,
      },
      log: {
        segmentBytes: 65_535,
        cacheBytes: -1,
        retainBytes: -1,
        retainForFollowersBytes: null,
      },
      checkpoint: { snapshotThreshold: 0, snapshotBytes: 0, compactionOverhead: -1 },
      limits: { maxKeyBytes: 0, maxValueBytes: 0, maxBatchBytes: 0, maxPendingBytes: 0 },
      timeouts: { proposalMs: 0, readMs: -5 },
      transport: {
        maxQueueBytes: 0,
        maxQueueMessages: 0,
        maxFrameBytes: 4_095,
        connectTimeoutMs: 0,
        handshakeTimeoutMs: 0,
        reconnectMinMs: 0,
        reconnectMaxMs: 0,
      },
    };
    expect(issuesOf(input).map((issue) => issue.join(": "))).toMatchInlineSnapshot(`
      [
        "preset: Invalid option: expected one of "development"|"production"|"wan"",
        "directory: must name a directory",
        "id: must be a whole number",
        "listen: must be "host:port", e.g. "10.0.0.1:7000"",
        "advertise: must be text",
        "cluster.name: must not be empty",
        "cluster.members.0.id: must be at least 1",
        "cluster.members.0.address: must be "host:port", e.g. "10.0.0.1:7000"",
        "cluster.join: must be true or false",
        "replication.replicationFactor: must be a whole number",
        "replication.batchSize: must be at least 1",
        "raft.heartbeatMs: must be at least 1",
        "raft.electionMinMs: must be a whole number",
        "raft.electionMaxMs: must be a whole number",
        "raft.maxAppendEntries: must be at least 1",
        "raft.maxAppendBytes: must be at least 1",
        "raft.maxInflightMessages: must be at least 1",
        "raft.maxInflightBytes: must be at least 1",
        "raft.maxUncommittedBytes: must be a whole number",
        "log.segmentBytes: must be at least 65536",
        "log.cacheBytes: must be at least 0",
        "log.retainBytes: must be at least 0",
        "log.retainForFollowersBytes: must be a whole number",
        "checkpoint.snapshotThreshold: must be at least 1",
        "checkpoint.snapshotBytes: must be at least 1",
        "checkpoint.compactionOverhead: must be at least 0",
        "limits.maxKeyBytes: must be at least 1",
        "limits.maxValueBytes: must be at least 1",
        "limits.maxBatchBytes: must be at least 1",
        "limits.maxPendingBytes: must be at least 1",
        "timeouts.proposalMs: must be at least 1",
        "timeouts.readMs: must be at least 1",
        "transport.maxQueueBytes: must be at least 1",
        "transport.maxQueueMessages: must be at least 1",
        "transport.maxFrameBytes: must be at least 4096",
        "transport.connectTimeoutMs: must be at least 1",
        "transport.handshakeTimeoutMs: must be at least 1",
        "transport.reconnectMinMs: must be at least 1",
        "transport.reconnectMaxMs: must be at least 1",
      ]
    `);
  });

  test("make one message with a line for each, in an error that is a TypeError", () => {
    const open = (): unknown => createNode({ ...base, id: 0, directory: "" });
    expect(open).toThrow(TypeError);
    expect(open).toThrow(
      "invalid options:\n  directory: must name a directory\n  id: must be at least 1",
    );
  });

  test("reject openNode before anything is touched", async () => {
    const error: unknown = await openNode({ ...base, id: 0 }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ConfigError);
  });

  test("are missing keys, too", () => {
    expect(pathsOf({})).toEqual(["directory", "id", "cluster"]);
    expect(pathsOf({ ...base, cluster: {} })).toEqual([
      "cluster.name",
      "listen",
      "cluster.members",
    ]);
    expect(pathsOf(undefined)).toEqual([""]);
  });

  test("do not hide the rules between the keys that are right", () => {
    const input = {
      ...base,
      id: 9,
      directory: "",
      raft: { electionMinMs: 100, electionMaxMs: 90, maxAppendBytes: "1" },
    };
    expect(pathsOf(input)).toEqual([
      "directory",
      "raft.maxAppendBytes",
      "raft.electionMinMs",
      "raft.electionMaxMs",
      "listen",
      "cluster.members",
    ]);
  });

  test("silence the rules that speak of them", () => {
    expect(pathsOf({ ...base, raft: { heartbeatMs: "1000" } })).toEqual(["raft.heartbeatMs"]);
    expect(pathsOf({ ...base, id: 0 })).toEqual(["id"]);
    expect(pathsOf({ ...base, cluster: { name: "test", members: [{ id: 1 }] } })).toEqual([
      "cluster.members.0.address",
    ]);
    expect(pathsOf({ ...base, preset: "?", raft: { electionMaxMs: 1 } })).toEqual(["preset"]);
  });
});

test("unknown keys are refused on every level, beside other issues", () => {
  const input = {
    ...base,
    idd: 1,
    cluster: { ...base.cluster, nam: 1, members: [{ id: 1, address: "a:1", port: 2 }] },
    replication: { factor: 3 },
    raft: { heartBeatMs: 1, electionMinMs: 0 },
    log: { a: 1 },
    checkpoint: { a: 1 },
    limits: { a: 1 },
    timeouts: { a: 1 },
    transport: { a: 1, b: 2 },
  };
  const found = issuesOf(input);
  expect(found).toEqual(
    expect.arrayContaining([
      ["idd", "unknown key"],
      ["cluster.nam", "unknown key"],
      ["cluster.members.0.port", "unknown key"],
      ["replication.factor", "unknown key"],
      ["raft.heartBeatMs", "unknown key"],
      ["raft.electionMinMs", "must be at least 1"],
      ["log.a", "unknown key"],
      ["checkpoint.a", "unknown key"],
      ["limits.a", "unknown key"],
      ["timeouts.a", "unknown key"],
      ["transport.a", "unknown key"],
      ["transport.b", "unknown key"],
    ]),
  );
  expect(found).toHaveLength(12);
});

describe("rules between keys", () => {
  const cases: readonly (readonly [name: string, wrong: object, right: object, path: string])[] = [
    [
      "three heartbeats fit in the shortest election timeout",
      { raft: { heartbeatMs: 167, electionMinMs: 500 } },
      { raft: { heartbeatMs: 166, electionMinMs: 500 } },
      "raft.electionMinMs",
    ],
    [
      "election timeouts have a range",
      { raft: { electionMinMs: 500, electionMaxMs: 500 } },
      { raft: { electionMinMs: 500, electionMaxMs: 501 } },
      "raft.electionMaxMs",
    ],
    [
      "a full append may be in flight",
      { raft: { maxAppendBytes: 1_000, maxInflightBytes: 999 } },
      { raft: { maxAppendBytes: 1_000, maxInflightBytes: 1_000 } },
      "raft.maxInflightBytes",
    ],
    [
      "a batch holds one key and value",
      { limits: { maxKeyBytes: 10, maxValueBytes: 20, maxBatchBytes: 29 } },
      { limits: { maxKeyBytes: 10, maxValueBytes: 20, maxBatchBytes: 30 } },
      "limits.maxBatchBytes",
    ],
    [
      "a batch may wait",
      { limits: { maxPendingBytes: 32 * MIB - 1 } },
      { limits: { maxPendingBytes: 32 * MIB } },
      "limits.maxPendingBytes",
    ],
    [
      "a frame holds a batch",
      { transport: { maxFrameBytes: 33 * MIB - 1 } },
      { transport: { maxFrameBytes: 33 * MIB } },
      "transport.maxFrameBytes",
    ],
    [
      "a frame holds an append",
      { raft: { maxAppendBytes: 64 * MIB, maxInflightBytes: 64 * MIB } },
      { raft: { maxAppendBytes: 63 * MIB, maxInflightBytes: 64 * MIB } },
      "transport.maxFrameBytes",
    ],
    [
      "a frame has an end",
      { transport: { maxFrameBytes: 1024 * MIB + 1, maxQueueBytes: 2048 * MIB } },
      { transport: { maxFrameBytes: 1024 * MIB, maxQueueBytes: 2048 * MIB } },
      "transport.maxFrameBytes",
    ],
    [
      "a queue holds a frame",
      { transport: { maxFrameBytes: 64 * MIB, maxQueueBytes: 64 * MIB - 1 } },
      { transport: { maxFrameBytes: 64 * MIB, maxQueueBytes: 64 * MIB } },
      "transport.maxQueueBytes",
    ],
    [
      "pauses before dialling have a range",
      { transport: { reconnectMinMs: 51, reconnectMaxMs: 50 } },
      { transport: { reconnectMinMs: 50, reconnectMaxMs: 50 } },
      "transport.reconnectMaxMs",
    ],
    [
      "a segment has an end",
      { log: { segmentBytes: 1024 * MIB + 1 } },
      { log: { segmentBytes: 1024 * MIB } },
      "log.segmentBytes",
    ],
    [
      "an even number of voters is refused",
      { replication: { replicationFactor: 2 } },
      { replication: { replicationFactor: 1 } },
      "replication.replicationFactor",
    ],
    [
      "no more voters than members",
      { replication: { replicationFactor: 5 } },
      { replication: { replicationFactor: 3 } },
      "replication.replicationFactor",
    ],
    [
      "at most seven voters",
      { cluster: { name: "test", members: members(9) }, replication: { replicationFactor: 9 } },
      { cluster: { name: "test", members: members(9) }, replication: { replicationFactor: 7 } },
      "replication.replicationFactor",
    ],
    [
      "a new cluster's members name this node",
      { id: 4, listen: "127.0.0.1:1" },
      { id: 4, listen: "127.0.0.1:1", cluster: { name: "test", join: true } },
      "cluster.members",
    ],
    [
      "a node that is not named says where it listens",
      { id: 4, cluster: { ...base.cluster, join: true } },
      { id: 4, cluster: { ...base.cluster, join: true }, listen: "127.0.0.1:1" },
      "listen",
    ],
    [
      "ids are unique",
      { cluster: { name: "test", members: [...members(3), { id: 3, address: "c:1" }] } },
      { cluster: { name: "test", members: [...members(3), { id: 4, address: "c:1" }] } },
      "cluster.members",
    ],
    [
      "addresses are unique",
      { cluster: { name: "test", members: [...members(3), { id: 4, address: "127.0.0.1:7001" }] } },
      { cluster: { name: "test", members: [...members(3), { id: 4, address: "127.0.0.1:7004" }] } },
      "cluster.members",
    ],
    [
      "others can reach every member",
      { cluster: { name: "test", members: [...members(2), { id: 3, address: "127.0.0.1:0" }] } },
      { cluster: { name: "test", members: [{ id: 1, address: "127.0.0.1:0" }] } },
      "cluster.members",
    ],
    [
      "what is told to others can be reached",
      { advertise: "10.0.0.1:0" },
      { advertise: "10.0.0.1:1", listen: "0.0.0.0:0" },
      "advertise",
    ],
    [
      "what is told to others is a host, not every interface of this one",
      { advertise: "0.0.0.0:7001" },
      { listen: "0.0.0.0:7001" },
      "advertise",
    ],
    [
      "who joins and listens on every interface says where it is",
      { id: 9, listen: "0.0.0.0:7009", cluster: { name: "test", join: true } },
      { id: 9, listen: "127.0.0.1:7009", cluster: { name: "test", join: true } },
      "advertise",
    ],
  ];

  test.each(cases)("%s", (_, wrong, right, path) => {
    expect(pathsOf({ ...base, ...wrong })).toEqual([path]);
    expect(issuesOf({ ...base, ...right })).toEqual([]);
  });

  test("are all reported at once", () => {
    const input = {
      ...base,
      id: 4,
      raft: { electionMinMs: 100, electionMaxMs: 100 },
      replication: { replicationFactor: 8 },
      transport: { reconnectMinMs: 9_999 },
    };
    expect(pathsOf(input)).toEqual([
      "raft.electionMinMs",
      "raft.electionMaxMs",
      "transport.reconnectMaxMs",
      "listen",
      "cluster.members",
      "replication.replicationFactor",
      "replication.replicationFactor",
      "replication.replicationFactor",
    ]);
  });
});

describe("addresses", () => {
  const single = (address: string): unknown => ({
    ...base,
    cluster: { name: "test", members: [{ id: 1, address }] },
  });

  test.each([
    "127.0.0.1:7000",
    "127.0.0.1:0",
    "localhost:65535",
    "db-1.example.com:7000",
    "[::1]:7000",
    "[2001:db8::7]:7000",
    "[::ffff:10.0.0.1]:7000",
    "[fe80::1%eth0]:7000",
  ])("%s is one", (address) => {
    expect(issuesOf(single(address))).toEqual([]);
    expect(resolveSettings(single(address) as NodeSettings).listen).toBe(address);
  });

  test.each([
    "",
    "7000",
    ":7000",
    "localhost",
    "localhost:",
    "localhost:65536",
    "localhost:-1",
    "localhost:7000/x",
    "::1:7000",
    "[::1]",
    "[]:7000",
    "[localhost]:7000",
    "a b:7000",
    "http://localhost:7000",
  ])("(%s) is none", (address) => {
    expect(issuesOf(single(address))).toEqual([
      ["cluster.members.0.address", 'must be "host:port", e.g. "10.0.0.1:7000"'],
    ]);
  });
});
