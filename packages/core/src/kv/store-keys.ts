import type { NodeId } from "raft-ts-lite";

/**
 * The first byte of every store key (docs/formats.md, section 5). Sorted as LevelDB sorts, so that one space is one range.
 */
const SPACE_META = 0x00;
export const SPACE_MEMBERS = 0x01;
export const SPACE_SESSIONS = 0x02;
export const SPACE_CURSORS = 0x05;
export const SPACE_DATA = 0x10;

/** Where the applied state is stored. */
export const META_KEY: Buffer = Buffer.from([SPACE_META, ...Buffer.from("meta")]);

/** The first possible key of a space; also the excluded upper bound of the space before it. */
export function spaceStart(space: number): Buffer {
  return Buffer.from([space]);
}

/** The store key of a user's key. */
export function dataKey(key: Uint8Array): Buffer {
  const whole = Buffer.allocUnsafe(1 + key.length);
  whole[0] = SPACE_DATA;
  whole.set(key, 1);
  return whole;
}

/** The user's key behind a store key of the data space: a view. */
export function userKey(storeKey: Buffer): Buffer {
  return storeKey.subarray(1);
}

/** The store key of a member's record. */
export function memberKey(id: NodeId): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = SPACE_MEMBERS;
  key.writeBigUInt64BE(BigInt(id), 1);
  return key;
}

/** The member that a key of the member space names. */
export function memberOfKey(storeKey: Buffer): NodeId {
  return Number(storeKey.readBigUInt64BE(1));
}

/** Bounds in terms of the user's keys; an inclusive bound wins over an exclusive one at the same end, as in abstract-level. */
export interface KeyRange {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
}

/** The same bounds in terms of store keys, closed at the ends of the data space where the range is open. */
export interface StoreRange {
  gt?: Buffer;
  gte?: Buffer;
  lt?: Buffer;
  lte?: Buffer;
}

/** Moves a range of user's keys into the data space. */
export function dataRange(range: KeyRange): StoreRange {
  const bounds: StoreRange = {};
  if (range.gte !== undefined) bounds.gte = dataKey(range.gte);
  else if (range.gt !== undefined) bounds.gt = dataKey(range.gt);
  else bounds.gte = spaceStart(SPACE_DATA);
  if (range.lte !== undefined) bounds.lte = dataKey(range.lte);
  else if (range.lt !== undefined) bounds.lt = dataKey(range.lt);
  else bounds.lt = spaceStart(SPACE_DATA + 1);
  return bounds;
}
