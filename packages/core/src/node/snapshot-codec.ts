import { createHash } from "node:crypto";
import { pack, unpack } from "msgpackr";
import type { NodeId } from "raft-ts-lite";
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import type { AppliedState } from "../machine/state-machine.ts";

const safe = z.int().min(0);
const ids = z.array(z.int().min(1));
const appliedSchema = z.object({
  index: safe,
  term: safe,
  logTime: safe,
  epoch: safe,
  confState: z.object({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: z.boolean(),
  }),
  members: z.array(z.object({ id: z.int().min(1), address: z.string() })),
  stateHash: z.instanceof(Uint8Array),
});
const beginSchema = z.object({
  version: z.literal(1),
  format: z.string(),
  /** Term of the leader that sends it. */
  term: safe,
  applied: appliedSchema,
});
const manifestSchema = z.object({
  version: z.literal(1),
  clusterId: z.instanceof(Uint8Array),
  group: safe,
  format: z.string(),
  applied: appliedSchema,
  bytes: safe,
  chunks: z.array(z.object({ hash: z.instanceof(Uint8Array), bytes: safe })),
});
const answerSchema = z.object({ ok: z.boolean(), reason: z.string() });

/** First frame of a snapshot: what will follow. */
export interface SnapshotBegin {
  readonly format: string;
  readonly term: number;
  readonly applied: AppliedState;
}

/** Last frame of a snapshot (docs/formats.md, section 7). */
export interface SnapshotManifest {
  readonly clusterId: Uint8Array;
  readonly group: number;
  readonly format: string;
  readonly applied: AppliedState;
  readonly bytes: number;
  readonly chunks: readonly { readonly hash: Uint8Array; readonly bytes: number }[];
}

export interface SnapshotAnswer {
  readonly ok: boolean;
  readonly reason: string;
}

export function encodeBegin(begin: SnapshotBegin): Uint8Array {
  return pack({ version: 1, ...begin, applied: plainApplied(begin.applied) });
}

export function decodeBegin(body: Uint8Array): SnapshotBegin {
  const { format, term, applied } = parse(beginSchema, body, "begin");
  return { format, term, applied: richApplied(applied) };
}

export function encodeManifest(manifest: SnapshotManifest): Uint8Array {
  return pack({ version: 1, ...manifest, applied: plainApplied(manifest.applied) });
}

export function decodeManifest(body: Uint8Array): SnapshotManifest {
  const { applied, ...rest } = parse(manifestSchema, body, "manifest");
  return { ...rest, applied: richApplied(applied) };
}

export function encodeAnswer(answer: SnapshotAnswer): Uint8Array {
  return pack(answer);
}

export function decodeAnswer(body: Uint8Array): SnapshotAnswer {
  return parse(answerSchema, body, "answer");
}

/** The name of a chunk. */
export function chunkHash(chunk: Uint8Array): Uint8Array {
  return createHash("sha256").update(chunk).digest();
}

function plainApplied(applied: AppliedState): object {
  const { confState, members } = applied;
  return {
    index: applied.index,
    term: applied.term,
    logTime: applied.logTime,
    epoch: applied.epoch,
    stateHash: applied.stateHash,
    confState: {
      voters: [...confState.voters],
      learners: [...confState.learners],
      votersOutgoing: [...confState.votersOutgoing],
      learnersNext: [...confState.learnersNext],
      autoLeave: confState.autoLeave,
    },
    members: [...members].map(([id, { address }]) => ({ id, address })),
  };
}

function richApplied(plain: z.infer<typeof appliedSchema>): AppliedState {
  const members = new Map<NodeId, { address: string }>(
    plain.members.map(({ id, address }) => [id, { address }]),
  );
  return { ...plain, members };
}

function parse<T>(schema: z.ZodType<T>, body: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = unpack(body);
  } catch (cause) {
    throw new HoldfastError("CORRUPT", `snapshot ${what} is not MessagePack`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new HoldfastError("CORRUPT", `snapshot ${what} has another shape`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}
