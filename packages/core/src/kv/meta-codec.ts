import type { ConfState } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { readU64, writeU64 } from "../format/bytes.ts";
import { confStateBytes, readConfState, writeConfState } from "../format/conf-state-codec.ts";
import type { AppliedState } from "../machine/state-machine.ts";

/** What the `meta` record holds: the applied state but for the members, which have records of their own. */
export type StoreMeta = Omit<AppliedState, "members">;

/** Bytes of a state hash (SHA-256). */
export const STATE_HASH_BYTES = 32;

const VERSION = 1;
const HASH_AT = 36;
const CONF_STATE_AT = HASH_AT + STATE_HASH_BYTES;

/** docs/formats.md, section 5. */
export function encodeMeta(meta: StoreMeta): Buffer {
  const record = Buffer.alloc(CONF_STATE_AT + confStateBytes(meta.confState));
  record[0] = VERSION;
  writeU64(record, meta.index, 4);
  writeU64(record, meta.term, 12);
  writeU64(record, meta.logTime, 20);
  writeU64(record, meta.epoch, 28);
  record.set(meta.stateHash, HASH_AT);
  writeConfState(record, CONF_STATE_AT, meta.confState);
  return record;
}

/** A configuration as the state hash covers it. */
export function encodeConfState(confState: ConfState): Buffer {
  const bytes = Buffer.allocUnsafe(confStateBytes(confState));
  writeConfState(bytes, 0, confState);
  return bytes;
}

/** Throws `CORRUPT`, or `UNSUPPORTED` for a newer version. */
export function decodeMeta(record: Buffer): StoreMeta {
  if (record[0] !== VERSION) {
    throw new HoldfastError(
      "UNSUPPORTED",
      `store version (${record[0] ?? -1}) is not known to this software (${VERSION})`,
    );
  }
  try {
    return {
      index: readU64(record, 4),
      term: readU64(record, 12),
      logTime: readU64(record, 20),
      epoch: readU64(record, 28),
      stateHash: new Uint8Array(record.subarray(HASH_AT, CONF_STATE_AT)),
      confState: readConfState(record, CONF_STATE_AT).state,
    };
  } catch (cause) {
    throw new HoldfastError("CORRUPT", "meta record of the store is damaged", { cause });
  }
}

/** The index in a meta record, without reading the rest of it. */
export function indexOfMeta(record: Buffer): number {
  return decodeMeta(record).index;
}
