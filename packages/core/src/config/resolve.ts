import { z } from "zod";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { presets, type PresetSettings } from "./presets.ts";
import type { InitialMember, NodeSettings, ResolvedSettings } from "./settings.ts";

const MIB = 1_048_576;
const MAX_VOTERS = 7;

const atLeast = (least: number): z.ZodOptional<z.ZodNumber> =>
  z.int(`must be a whole number`).min(least, `must be at least ${least}`).optional();

const nodeId = z.int("must be a whole number").min(1, "must be at least 1");
const address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'must be "host:port", e.g. "10.0.0.1:7000"');

const schema = z.strictObject({
  preset: z.enum(["development", "production", "wan"]).optional(),
  directory: z.string().min(1, "must name a directory"),
  id: nodeId,
  listen: address.optional(),
  advertise: address.optional(),
  cluster: z.strictObject({
    name: z.string().min(1, "must not be empty").max(64, "must be at most 64 characters"),
    members: z.array(z.strictObject({ id: nodeId, address })).optional(),
    join: z.boolean().optional(),
  }),
  replication: z.strictObject({ replicationFactor: atLeast(1), batchSize: atLeast(1) }).optional(),
  raft: z
    .strictObject({
      heartbeatMs: atLeast(1),
      electionMinMs: atLeast(1),
      electionMaxMs: atLeast(1),
      maxAppendEntries: atLeast(1),
      maxAppendBytes: atLeast(1),
      maxInflightMessages: atLeast(1),
      maxInflightBytes: atLeast(1),
      maxUncommittedBytes: atLeast(1),
    })
    .optional(),
  log: z
    .strictObject({
      segmentBytes: atLeast(65_536),
      cacheBytes: atLeast(0),
      retainBytes: atLeast(0),
      retainForFollowersBytes: atLeast(0),
    })
    .optional(),
  checkpoint: z
    .strictObject({
      snapshotThreshold: atLeast(1),
      snapshotBytes: atLeast(1),
      compactionOverhead: atLeast(0),
    })
    .optional(),
  limits: z
    .strictObject({
      maxKeyBytes: atLeast(1),
      maxValueBytes: atLeast(1),
      maxBatchBytes: atLeast(1),
      maxPendingBytes: atLeast(1),
    })
    .optional(),
  timeouts: z.strictObject({ proposalMs: atLeast(1), readMs: atLeast(1) }).optional(),
  transport: z
    .strictObject({
      maxQueueBytes: atLeast(1),
      maxQueueMessages: atLeast(1),
      maxFrameBytes: atLeast(4_096),
      connectTimeoutMs: atLeast(1),
      handshakeTimeoutMs: atLeast(1),
      reconnectMinMs: atLeast(1),
      reconnectMaxMs: atLeast(1),
    })
    .optional(),
});

/** Splits `host:port`; an IPv6 host is written in brackets. `undefined` when it is neither. */
export function parseAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/**
 * Checks `input` and fills in preset and defaults. Throws one {@link ConfigError} with every issue: wrong types, unknown keys, and,
 * once those are right, the rules between keys.
 */
export function resolveSettings(input: NodeSettings): ResolvedSettings {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(toIssues));
  const settings = fillIn(input);
  const issues = crossChecks(settings);
  if (issues.length > 0) throw new ConfigError(issues);
  return settings;
}

function toIssues(issue: z.core.$ZodIssue): readonly ConfigIssue[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "unknown key" }));
  }
  return [{ path: path.join("."), message: issue.message }];
}

function fillIn(input: NodeSettings): ResolvedSettings {
  const preset: PresetSettings = input.preset === undefined ? {} : presets[input.preset];
  const members = [...(input.cluster.members ?? [])].sort((a, b) => a.id - b.id);
  const voters = Math.max(1, members.length - ((members.length + 1) % 2));
  return {
    directory: input.directory,
    id: input.id,
    listen: input.listen ?? members.find(({ id }) => id === input.id)?.address ?? "",
    advertise: input.advertise,
    cluster: { name: input.cluster.name, members, join: input.cluster.join ?? false },
    replication: {
      replicationFactor: voters,
      batchSize: 1_000,
      ...preset.replication,
      ...input.replication,
    },
    raft: { ...RAFT_DEFAULTS, ...preset.raft, ...input.raft },
    log: { ...LOG_DEFAULTS, ...preset.log, ...input.log },
    checkpoint: { ...CHECKPOINT_DEFAULTS, ...preset.checkpoint, ...input.checkpoint },
    limits: { ...LIMIT_DEFAULTS, ...preset.limits, ...input.limits },
    timeouts: { proposalMs: 10_000, readMs: 10_000, ...preset.timeouts, ...input.timeouts },
    transport: { ...TRANSPORT_DEFAULTS, ...preset.transport, ...input.transport },
  };
}

const RAFT_DEFAULTS: ResolvedSettings["raft"] = {
  heartbeatMs: 50,
  electionMinMs: 500,
  electionMaxMs: 1_000,
  maxAppendEntries: 64,
  maxAppendBytes: MIB,
  maxInflightMessages: 256,
  maxInflightBytes: 64 * MIB,
  maxUncommittedBytes: 64 * MIB,
};

const LOG_DEFAULTS: ResolvedSettings["log"] = {
  segmentBytes: 64 * MIB,
  cacheBytes: 64 * MIB,
  retainBytes: 64 * MIB,
  retainForFollowersBytes: 256 * MIB,
};

const CHECKPOINT_DEFAULTS: ResolvedSettings["checkpoint"] = {
  snapshotThreshold: 8_192,
  snapshotBytes: 64 * MIB,
  compactionOverhead: 5,
};

const LIMIT_DEFAULTS: ResolvedSettings["limits"] = {
  maxKeyBytes: 65_536,
  maxValueBytes: 8 * MIB,
  maxBatchBytes: 32 * MIB,
  maxPendingBytes: 128 * MIB,
};

const TRANSPORT_DEFAULTS: ResolvedSettings["transport"] = {
  maxQueueBytes: 128 * MIB,
  maxQueueMessages: 16_384,
  maxFrameBytes: 64 * MIB,
  connectTimeoutMs: 2_000,
  handshakeTimeoutMs: 5_000,
  reconnectMinMs: 50,
  reconnectMaxMs: 1_000,
};

/** The rules that no single key can say. Every broken one is reported. */
function crossChecks(settings: ResolvedSettings): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const require = (holds: boolean, path: string, message: string): void => {
    if (!holds) issues.push({ path, message });
  };
  const { raft, limits, transport, log } = settings;
  require(
    raft.heartbeatMs * 3 <= raft.electionMinMs,
    "raft.electionMinMs",
    `must be at least three heartbeats (${raft.heartbeatMs * 3})`,
  );
  require(
    raft.electionMinMs < raft.electionMaxMs,
    "raft.electionMaxMs",
    `must be above electionMinMs (${raft.electionMinMs})`,
  );
  require(
    limits.maxValueBytes + limits.maxKeyBytes <= limits.maxBatchBytes,
    "limits.maxBatchBytes",
    "must hold one key and value of the largest size",
  );
  require(
    limits.maxBatchBytes <= limits.maxPendingBytes,
    "limits.maxPendingBytes",
    `must be at least maxBatchBytes (${limits.maxBatchBytes})`,
  );
  require(
    limits.maxBatchBytes + MIB <= transport.maxFrameBytes,
    "transport.maxFrameBytes",
    `must be at least maxBatchBytes and 1 MiB (${limits.maxBatchBytes + MIB})`,
  );
  require(
    transport.maxFrameBytes <= transport.maxQueueBytes,
    "transport.maxQueueBytes",
    `must be at least maxFrameBytes (${transport.maxFrameBytes})`,
  );
  require(
    transport.reconnectMinMs <= transport.reconnectMaxMs,
    "transport.reconnectMaxMs",
    `must be at least reconnectMinMs (${transport.reconnectMinMs})`,
  );
  require(log.segmentBytes <= 1024 * MIB, "log.segmentBytes", "must be at most 1 GiB");
  return [...issues, ...memberChecks(settings)];
}

function memberChecks(settings: ResolvedSettings): readonly ConfigIssue[] {
  const { members, join } = settings.cluster;
  const issues: ConfigIssue[] = [];
  if (settings.listen === "") {
    issues.push({
      path: "listen",
      message: "must be given, because cluster.members does not name this node",
    });
  }
  if (join) return issues;
  if (!members.some(({ id }) => id === settings.id)) {
    issues.push({
      path: "cluster.members",
      message: `must name this node (${settings.id}), or set cluster.join to add it to a running cluster`,
    });
  }
  issues.push(...duplicates(members));
  const { replicationFactor } = settings.replication;
  const path = "replication.replicationFactor";
  if (replicationFactor > MAX_VOTERS) {
    issues.push({ path, message: `must be at most ${MAX_VOTERS}: use more groups instead` });
  }
  if (replicationFactor % 2 === 0) {
    issues.push({ path, message: "must be odd: an even number survives no more failures" });
  }
  if (members.length > 0 && replicationFactor > members.length) {
    issues.push({ path, message: `must not exceed the number of members (${members.length})` });
  }
  return issues;
}

function duplicates(members: readonly InitialMember[]): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const key of ["id", "address"] as const) {
    const seen = new Set<string | number>();
    for (const member of members) {
      const value = member[key];
      if (seen.has(value)) {
        issues.push({ path: "cluster.members", message: `${key} (${value}) is given twice` });
      }
      seen.add(value);
    }
  }
  return issues;
}
