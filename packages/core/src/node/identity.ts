import { createHash } from "node:crypto";
import type { Disk, Random } from "@holdfast/platform";
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { readSmallFile, writeSmallFile } from "../format/small-file.ts";

const schema = z.object({
  cluster: z.string(),
  nodeId: z.int(),
  incarnation: z.int(),
  /** The members the group began with; absent on a node that joined. */
  members: z.array(z.object({ id: z.int(), address: z.string() })).optional(),
  voters: z.array(z.int()).optional(),
  /** The log holds what makes this node a member. From then on an empty log is a loss, not a beginning. */
  begun: z.boolean(),
});

/** Who a data directory belongs to (docs/formats.md, section 4). */
export type Identity = z.infer<typeof schema>;

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
  const body = await readSmallFile(disk, identityPath(directory));
  if (body === undefined) return undefined;
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    throw new HoldfastError("CORRUPT", `${identityPath(directory)} does not hold an identity`, {
      cause: parsed.error,
    });
  }
  return parsed.data;
}

/** Replaces the identity atomically and durably. */
export async function writeIdentity(
  disk: Disk,
  directory: string,
  identity: Identity,
): Promise<void> {
  await writeSmallFile(disk, identityPath(directory), identity);
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
