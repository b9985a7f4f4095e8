import { createHash } from "node:crypto";
import { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { asBuffer, writeU64 } from "../format/bytes.ts";
import { confStateBytes, writeConfState } from "../format/conf-state-codec.ts";
import { readSmallFile, writeSmallFile } from "../format/small-file.ts";
import { decodeMeta, encodeMeta } from "../kv/meta-codec.ts";
import { decodeChunks, encodeChunks, type StorePairs } from "../kv/snapshot-stream.ts";
import type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  StateMachineContext,
} from "./state-machine.ts";

/** An encoded state, and where it stands. */
export interface SavedState {
  readonly applied: AppliedState;
  readonly state: Uint8Array;
}

/** docs/formats.md, section 8. */
const schema = z.object({
  format: z.string(),
  /** As the `meta` record of the key-value store. */
  applied: z.instanceof(Uint8Array),
  members: z.array(z.tuple([z.int().min(1), z.string()])),
  state: z.instanceof(Uint8Array),
});

/** The file that holds the state from checkpoint to checkpoint. */
export function savedStatePath(location: string): string {
  return `${location}/state`;
}

/** `undefined` when nothing was saved yet. Throws `CORRUPT`, or `UNSUPPORTED` for a state in another format. */
export async function readSavedState(
  { platform, location }: StateMachineContext,
  format: string,
): Promise<SavedState | undefined> {
  const path = savedStatePath(location);
  const body = await readSmallFile(platform.disk, path);
  if (body === undefined) return undefined;
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    throw new HoldfastError("CORRUPT", `${path}: ${z.prettifyError(parsed.error)}`);
  }
  const { members, applied, state } = parsed.data;
  if (parsed.data.format !== format) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `${path} has format (${parsed.data.format}); this state machine knows (${format})`,
    );
  }
  return {
    applied: {
      ...decodeMeta(asBuffer(applied)),
      members: new Map(members.map(([id, address]) => [id, { address }])),
    },
    state,
  };
}

/** Replaces the file; durable when it resolves. */
export async function writeSavedState(
  { platform, location }: StateMachineContext,
  format: string,
  { applied, state }: SavedState,
): Promise<void> {
  await writeSmallFile(platform.disk, savedStatePath(location), {
    format,
    applied: encodeMeta(applied),
    members: [...applied.members].map(([id, { address }]) => [id, address]),
    state,
  });
}

/** An encoded state as a snapshot carries it: the chunks of a store with one pair, whose key is the format. */
export function encodeState(
  format: string,
  { applied, state }: SavedState,
  maxChunkBytes: number,
): AsyncGenerator<Uint8Array> {
  return encodeChunks(applied.index, onePair(format, state), maxChunkBytes);
}

async function* onePair(format: string, state: Uint8Array): StorePairs {
  yield await Promise.resolve([[Buffer.from(format), asBuffer(state)]] as const);
}

/** The encoded state that a snapshot carries. Throws `CORRUPT`. */
export async function decodeState(
  format: string,
  index: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  let state: Uint8Array | undefined;
  for await (const pairs of decodeChunks(index, chunks)) {
    for (const [key, value] of pairs) {
      if (state !== undefined || key.toString() !== format) {
        throw new HoldfastError("CORRUPT", `snapshot does not hold a state of format (${format})`);
      }
      state = value;
    }
  }
  if (state === undefined) throw new HoldfastError("CORRUPT", "snapshot holds no state");
  return state;
}

/** The state hash after an entry: over the hash before it, its place, each command and whether it was refused, and the configuration. */
export function entryHash(
  before: Uint8Array,
  { index, term, logTime, epoch, commands, configuration }: CommittedEntry,
  results: readonly CommandResult[],
): Uint8Array {
  const place = Buffer.allocUnsafe(32);
  [index, term, logTime, epoch].forEach((value, i) => {
    writeU64(place, value, 8 * i);
  });
  const hash = createHash("sha256").update(before).update(place);
  commands.forEach(({ kind, body }, i) => {
    const head = Buffer.allocUnsafe(6);
    head.writeUInt8(kind, 0);
    head.writeUInt8(results[i]?.ok === true ? 1 : 0, 1);
    head.writeUInt32LE(body.length, 2);
    hash.update(head).update(body);
  });
  if (configuration !== undefined) {
    const { confState, members } = configuration;
    const encoded = Buffer.allocUnsafe(confStateBytes(confState));
    writeConfState(encoded, 0, confState);
    hash.update(encoded);
    // In order of id, whatever order the map has. JSON tells where one ends and the next begins.
    const sorted = [...members].sort(([a], [b]) => a - b);
    hash.update(JSON.stringify(sorted.map(([id, { address }]) => [id, address])));
  }
  return new Uint8Array(hash.digest());
}
