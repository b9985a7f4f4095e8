import fc from "fast-check";
import { expect, test } from "vitest";
import { resolveSettings } from "../../src/config/resolve.ts";
import type { ResolvedSettings } from "../../src/config/settings.ts";
import { ConfigError, type NodeSettings } from "../../src/index.ts";

const MIB = 1_048_576;
const small = (least: number): fc.Arbitrary<number> => fc.integer({ min: least, max: 100_000 });
const bytes = fc.integer({ min: 1, max: 16 * MIB });

const cluster = fc
  .record({
    ids: fc.uniqueArray(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 9 }),
    name: fc.string({ minLength: 1, maxLength: 64 }),
  })
  .map(({ ids, name }) => ({
    name,
    members: ids.map((id) => ({ id, address: `10.0.${id >> 8}.${id & 255}:7000` })),
  }));

/** Valid settings: each rule between two keys is kept by making the larger one from the smaller. */
const valid: fc.Arbitrary<ResolvedSettings> = cluster.chain((of) =>
  fc.record({
    directory: fc.string({ minLength: 1 }),
    id: fc.constantFrom(...of.members.map(({ id }) => id)),
    listen: fc.constant("0.0.0.0:7000"),
    advertise: fc.constantFrom(undefined, "[2001:db8::1]:7000"),
    cluster: fc.constant({ ...of, join: false }),
    replication: fc.record({
      replicationFactor: fc.constantFrom(
        ...[1, 3, 5, 7].filter((factor) => factor <= of.members.length),
      ),
      batchSize: small(1),
    }),
    raft: fc
      .tuple(small(1), small(0), small(1), small(1), bytes, small(1), bytes, bytes)
      .map(
        ([
          heartbeatMs,
          more,
          spread,
          maxAppendEntries,
          maxAppendBytes,
          messages,
          room,
          uncommitted,
        ]) => ({
          heartbeatMs,
          electionMinMs: 3 * heartbeatMs + more,
          electionMaxMs: 3 * heartbeatMs + more + spread,
          maxAppendEntries,
          maxAppendBytes,
          maxInflightMessages: messages,
          maxInflightBytes: maxAppendBytes + room,
          maxUncommittedBytes: uncommitted,
        }),
      ),
    log: fc.record({
      segmentBytes: fc.integer({ min: 65_536, max: 1024 * MIB }),
      cacheBytes: small(0),
      retainBytes: small(0),
      retainForFollowersBytes: small(0),
    }),
    checkpoint: fc.record({
      snapshotThreshold: small(1),
      snapshotBytes: bytes,
      compactionOverhead: small(0),
    }),
    limits: fc.tuple(bytes, bytes, bytes, bytes).map(([key, value, batch, pending]) => ({
      maxKeyBytes: key,
      maxValueBytes: value,
      maxBatchBytes: key + value + batch,
      maxPendingBytes: key + value + batch + pending,
    })),
    timeouts: fc.record({ proposalMs: small(1), readMs: small(1) }),
    transport: fc
      .tuple(small(1), small(0), bytes, bytes, small(1), small(1), small(1))
      .map(([least, more, frame, queue, messages, connect, handshake]) => ({
        maxFrameBytes: 64 * MIB + frame,
        maxQueueBytes: 64 * MIB + frame + queue,
        maxQueueMessages: messages,
        connectTimeoutMs: connect,
        handshakeTimeoutMs: handshake,
        reconnectMinMs: least,
        reconnectMaxMs: least + more,
      })),
  }),
);

const preset = fc.constantFrom("development", "production", "wan", undefined);

test("valid settings resolve to exactly what was given, whatever the preset", () => {
  fc.assert(
    fc.property(valid, preset, (settings, name) => {
      const { advertise, ...rest } = settings;
      const input: NodeSettings = {
        ...rest,
        ...(advertise === undefined ? {} : { advertise }),
        ...(name === undefined ? {} : { preset: name }),
      };
      const members = [...settings.cluster.members].sort((a, b) => a.id - b.id);
      const own = members.find(({ id }) => id === settings.id)?.address;
      expect(resolveSettings(input)).toEqual({
        ...settings,
        advertise: advertise ?? own,
        cluster: { ...settings.cluster, members },
      });
    }),
    { numRuns: 300 },
  );
});

type Path = readonly [section: string, key: string];

const numbers: readonly Path[] = [
  ["replication", "replicationFactor"],
  ["replication", "batchSize"],
  ["raft", "heartbeatMs"],
  ["raft", "electionMinMs"],
  ["raft", "electionMaxMs"],
  ["raft", "maxAppendEntries"],
  ["raft", "maxAppendBytes"],
  ["raft", "maxInflightMessages"],
  ["raft", "maxInflightBytes"],
  ["raft", "maxUncommittedBytes"],
  ["log", "segmentBytes"],
  ["log", "cacheBytes"],
  ["log", "retainBytes"],
  ["log", "retainForFollowersBytes"],
  ["checkpoint", "snapshotThreshold"],
  ["checkpoint", "snapshotBytes"],
  ["checkpoint", "compactionOverhead"],
  ["limits", "maxKeyBytes"],
  ["limits", "maxValueBytes"],
  ["limits", "maxBatchBytes"],
  ["limits", "maxPendingBytes"],
  ["timeouts", "proposalMs"],
  ["timeouts", "readMs"],
  ["transport", "maxQueueBytes"],
  ["transport", "maxQueueMessages"],
  ["transport", "maxFrameBytes"],
  ["transport", "connectTimeoutMs"],
  ["transport", "handshakeTimeoutMs"],
  ["transport", "reconnectMinMs"],
  ["transport", "reconnectMaxMs"],
];

test("whichever keys are wrong, exactly those are named", () => {
  const bad = fc.constantFrom<unknown[]>(-1, 0.5, "7", Number.NaN, Infinity, null, [], {});
  fc.assert(
    fc.property(
      valid,
      fc.uniqueArray(fc.tuple(fc.constantFrom(...numbers), bad), {
        minLength: 1,
        selector: ([path]) => path.join("."),
      }),
      ({ advertise: _, ...settings }, wrong) => {
        const input = structuredClone(settings) as unknown as Record<
          string,
          Record<string, unknown>
        >;
        for (const [[section, key], value] of wrong)
          Object.assign(input[section] ?? {}, { [key]: value });
        const error = ((): unknown => {
          try {
            return resolveSettings(input as unknown as NodeSettings);
          } catch (cause) {
            return cause;
          }
        })();
        expect(error).toBeInstanceOf(ConfigError);
        const paths = (error as ConfigError).issues.map(({ path }) => path);
        expect([...new Set(paths)].sort()).toEqual(wrong.map(([path]) => path.join(".")).sort());
      },
    ),
  );
});
