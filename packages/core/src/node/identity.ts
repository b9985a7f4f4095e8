import { createHash } from "node:crypto";
import type { Disk, Random } from "@holdfast/platform";
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { readStateFile, writeStateFile } from "./state-file.ts";

/** Who a data directory belongs to (docs/formats.md, section 4). */
export interface Identity {
  readonly cluster: string;
  readonly nodeId: number;
  readonly incarnation: number;
  /** The members the group began with; absent on a node that joined. */
  readonly members?: readonly { readonly id: number; readonly address: string }[] | undefined;
  readonly voters?: readonly number[] | undefined;
  /** The log holds what makes this node a member. From then on an empty log is a loss, not a beginning. */
  readonly begun: boolean;
}

const schema: z.ZodType<Identity> = z.object({
  cluster: z.string(),
  nodeId: z.int(),
  incarnation: z.int(),
  members: z.array(z.object({ id: z.int(), address: z.string() })).optional(),
  voters: z.array(z.int()).optional(),
  begun: z.boolean(),
});

const MAX_INCARNATION = Number.MAX_SAFE_INTEGER;

/** The cluster id on disk and on the wire: the first 16 bytes of SHA-256 of the name. */
export function clusterIdOf(name: string): Uint8Array {
  return createHash("sha256").update(name, "utf8").digest().subarray(0, 16);
}

/** A number that no other life of this or another node has. */
export function drawIncarnation(random: Random): number {
  return random.integer(1, MAX_INCARNATION);
}

/** Reads the identity of `directory`, or `undefined` in an empty one. Throws `CORRUPT`. */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity | undefined> {
  return await readStateFile(disk, identityPath(directory), schema);
}

/** Replaces the identity atomically and durably. */
export async function writeIdentity(
  disk: Disk,
  directory: string,
  identity: Identity,
): Promise<void> {
  await writeStateFile(disk, identityPath(directory), { ...identity });
}

function identityPath(directory: string): string {
  return `${directory}/identity`;
}

/** Refuses a directory of another node or cluster. */
export function checkIdentity(
  identity: Identity,
  wanted: { readonly directory: string; readonly cluster: string; readonly nodeId: number },
): void {
  if (identity.cluster !== wanted.cluster) {
    throw new HoldfastError(
      "IDENTITY",
      `directory (${wanted.directory}) holds data of cluster (${identity.cluster}), not of (${wanted.cluster}): set cluster.name or another directory`,
    );
  }
  if (identity.nodeId !== wanted.nodeId) {
    throw new HoldfastError(
      "IDENTITY",
      `directory (${wanted.directory}) holds data of node (${identity.nodeId}), not of (${wanted.nodeId}): set id or another directory`,
    );
  }
}
