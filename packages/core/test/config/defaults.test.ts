import { describe, expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import type { NodeSettings } from "../../src/index.ts";
import { base, members } from "./settings-fixture.ts";

describe("what is not given", () => {
  test("has a default", () => {
    expect(resolveSettings(base)).toMatchInlineSnapshot(`
      {
        "advertise": "127.0.0.1:7001",
        "checkpoint": {
          "compactionOverhead": 5,
          "snapshotBytes": 67108864,
          "snapshotThreshold": 8192,
        },
        "cluster": {
          "join": false,
          "members": [
            {
              "address": "127.0.0.1:7001",
              "id": 1,
            },
            {
              "address": "127.0.0.1:7002",
              "id": 2,
            },
            {
              "address": "127.0.0.1:7003",
              "id": 3,
            },
          ],
          "name": "test",
        },
        "directory": "/data",
        "id": 1,
        "limits": {
          "maxBatchBytes": 33554432,
          "maxKeyBytes": 65536,
          "maxPendingBytes": 134217728,
          "maxValueBytes": 8388608,
        },
        "listen": "127.0.0.1:7001",
        "log": {
          "cacheBytes": 67108864,
          "retainBytes": 67108864,
          "retainForFollowersBytes": 268435456,
          "segmentBytes": 67108864,
        },
        "raft": {
          "electionMaxMs": 1000,
          "electionMinMs": 500,
          "heartbeatMs": 50,
          "maxAppendBytes": 1048576,
          "maxAppendEntries": 64,
          "maxInflightBytes": 67108864,
          "maxInflightMessages": 256,
          "maxUncommittedBytes": 67108864,
        },
        "replication": {
          "batchSize": 1000,
          "replicationFactor": 3,
        },
        "timeouts": {
          "proposalMs": 10000,
          "readMs": 10000,
        },
        "transport": {
          "connectTimeoutMs": 2000,
          "handshakeTimeoutMs": 5000,
          "maxFrameBytes": 67108864,
          "maxQueueBytes": 134217728,
          "maxQueueMessages": 16384,
          "reconnectMaxMs": 1000,
          "reconnectMinMs": 50,
        },
      }
    `);
  });

  test("and what is given as undefined, too", () => {
    const input = {
      ...base,
      preset: undefined,
      listen: undefined,
      raft: { heartbeatMs: undefined, electionMinMs: 600 },
      limits: undefined,
    };
    expect(resolveSettings(input as unknown as NodeSettings)).toEqual(
      resolveSettings({ ...base, raft: { electionMinMs: 600 } }),
    );
  });

  test.each([
    [1, 1],
    [2, 1],
    [3, 3],
    [4, 3],
    [7, 7],
    [8, 7],
    [12, 7],
  ])("%i members have %i voters", (count, voters) => {
    const cluster = { name: "test", members: members(count) };
    const { replication } = resolveSettings({ ...base, cluster });
    expect(replication.replicationFactor).toBe(voters);
  });
});

test("what the caller changes later changes nothing", () => {
  const given = {
    ...base,
    cluster: { name: "test", members: members(3) },
    raft: { heartbeatMs: 40 },
  };
  const settings = resolveSettings(given);
  given.raft.heartbeatMs = 1_000;
  given.cluster.members.push({ id: 4, address: "x:1" });
  const [first] = given.cluster.members;
  if (first !== undefined) first.address = "y:1";
  expect(settings.raft.heartbeatMs).toBe(40);
  expect(settings.cluster.members).toEqual(members(3));
});
