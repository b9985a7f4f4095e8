import { z } from "zod";
import { readAddress } from "../transport/address.ts";
import { ConfigError, type ConfigIssue } from "./config-error.ts";
import { crossChecks, hasPortZero, MAX_VOTERS } from "./cross-checks.ts";
import { presets, type PresetSettings } from "./presets.ts";
import type { NodeSettings, ResolvedSettings } from "./settings.ts";

const MIB = 1_048_576;
/** Above every node id: the two highest numbers address parts of the node itself. */
const MAX_ID = Number.MAX_SAFE_INTEGER - 2;

const atLeast = (least: number): z.ZodOptional<z.ZodNumber> =>
  z.int(`must be a whole number`).min(least, `must be at least ${least}`).optional();

const nodeId = z
  .int("must be a whole number")
  .min(1, "must be at least 1")
  .max(MAX_ID, `must be at most ${MAX_ID}`);
const address = z
  .string("must be text")
  .refine((text) => readAddress(text) !== undefined, 'must be "host:port", e.g. "10.0.0.1:7000"');

const schema = z.strictObject({
  preset: z.enum(["development", "production", "wan"]).optional(),
  directory: z.string("must be text").min(1, "must name a directory"),
  id: nodeId,
  listen: address.optional(),
  advertise: address.optional(),
  cluster: z.strictObject({
    name: z
      .string("must be text")
      .min(1, "must not be empty")
      .max(64, "must be at most 64 characters"),
    members: z.array(z.strictObject({ id: nodeId, address })).optional(),
    join: z.boolean("must be true or false").optional(),
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

/**
 * Checks `input` and fills in preset and defaults. Throws one {@link ConfigError} with every issue: wrong types and values, unknown
 * keys, and the rules between keys as far as the keys that they speak of are right.
 */
export function resolveSettings(input: NodeSettings): ResolvedSettings {
  const parsed = schema.safeParse(input);
  if (parsed.success) {
    const settings = fillIn(parsed.data);
    const broken = crossChecks(settings);
    if (broken.length === 0) return settings;
    throw new ConfigError(broken.map(({ path, message }) => ({ path, message })));
  }
  const issues = parsed.error.issues.flatMap(toIssues);
  throw new ConfigError([...issues, ...crossChecksOfTheRest(input, issues)]);
}

/** What the rules between keys say of the part of `input` that has no issues of its own. */
function crossChecksOfTheRest(
  input: unknown,
  issues: readonly ConfigIssue[],
): readonly ConfigIssue[] {
  const wrong = issues.map(({ path }) => path);
  // The preset decides about every key that is not given.
  if (wrong.includes("preset") || wrong.includes("")) return [];
  const rest = wrong.reduce<unknown>((value, path) => without(value, path.split(".")), input);
  const stand = { directory: "-", id: 1, cluster: { name: "-" } };
  const { cluster, ...others } = isRecord(rest) ? rest : {};
  const parsed = schema.safeParse({
    ...stand,
    ...others,
    cluster: { ...stand.cluster, ...(isRecord(cluster) ? cluster : {}) },
  });
  if (!parsed.success) return [];
  return crossChecks(fillIn(parsed.data))
    .filter(({ keys }) => !keys.some((key) => wrong.some((path) => concerns(path, key))))
    .map(({ path, message }) => ({ path, message }));
}

/** Whether one of the two paths is the other or leads to it. */
function concerns(a: string, b: string): boolean {
  return `${a}.`.startsWith(`${b}.`) || `${b}.`.startsWith(`${a}.`);
}

/** A copy of `value` without what `path` leads to. A list with a wrong item goes as a whole. */
function without(value: unknown, [key, ...deeper]: readonly string[]): unknown {
  if (key === undefined || !isRecord(value)) return undefined;
  const { [key]: inner, ...others } = value;
  const rest = deeper.length === 0 ? undefined : without(inner, deeper);
  return rest === undefined ? others : { ...others, [key]: rest };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toIssues(issue: z.core.$ZodIssue): readonly ConfigIssue[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "unknown key" }));
  }
  return [{ path: path.join("."), message: issue.message }];
}

function fillIn(input: z.infer<typeof schema>): ResolvedSettings {
  const preset: PresetSettings = input.preset === undefined ? {} : presets[input.preset];
  const members = (input.cluster.members ?? []).map((member) => ({ ...member }));
  members.sort((a, b) => a.id - b.id);
  const ownAddress = members.find(({ id }) => id === input.id)?.address;
  const odd = members.length - ((members.length + 1) % 2);
  const replication = {
    replicationFactor: Math.min(Math.max(1, odd), MAX_VOTERS),
    batchSize: 1_000,
  };
  return {
    directory: input.directory,
    id: input.id,
    listen: input.listen ?? ownAddress ?? "",
    // A node that listens on every interface is reached under the address that the others were given.
    advertise: input.advertise ?? (hasPortZero(ownAddress) ? undefined : ownAddress),
    cluster: { name: input.cluster.name, members, join: input.cluster.join ?? false },
    replication: layered(replication, preset.replication, input.replication),
    raft: layered(RAFT_DEFAULTS, preset.raft, input.raft),
    log: layered(LOG_DEFAULTS, preset.log, input.log),
    checkpoint: layered(CHECKPOINT_DEFAULTS, preset.checkpoint, input.checkpoint),
    limits: layered(LIMIT_DEFAULTS, preset.limits, input.limits),
    timeouts: layered(TIMEOUT_DEFAULTS, preset.timeouts, input.timeouts),
    transport: layered(TRANSPORT_DEFAULTS, preset.transport, input.transport),
  };
}

/** Defaults, under the preset's values, under those given. A key that is given as `undefined` is not given. */
function layered<T extends object>(
  defaults: T,
  ...layers: readonly ({ readonly [K in keyof T]?: T[K] | undefined } | undefined)[]
): T {
  const given = layers.flatMap((layer) => Object.entries(layer ?? {}));
  return { ...defaults, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) };
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

const TIMEOUT_DEFAULTS: ResolvedSettings["timeouts"] = { proposalMs: 10_000, readMs: 10_000 };

const TRANSPORT_DEFAULTS: ResolvedSettings["transport"] = {
  maxQueueBytes: 128 * MIB,
  maxQueueMessages: 16_384,
  maxFrameBytes: 64 * MIB,
  connectTimeoutMs: 2_000,
  handshakeTimeoutMs: 5_000,
  reconnectMinMs: 50,
  reconnectMaxMs: 1_000,
};
