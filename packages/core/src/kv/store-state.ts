import type { AbstractSnapshot } from "abstract-level";
import type { NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { EMPTY_CONF_STATE } from "../format/conf-state-codec.ts";
import type { AppliedState, MemberRecord } from "../machine/state-machine.ts";
import { decodeMember } from "./members.ts";
import { decodeMeta, STATE_HASH_BYTES } from "./meta-codec.ts";
import type { StorePair } from "./snapshot-stream.ts";
import type { StoreLevel } from "./store-engine.ts";
import {
  memberOfKey,
  META_KEY,
  SPACE_CURSORS,
  SPACE_DATA,
  SPACE_MEMBERS,
  SPACE_SESSIONS,
  spaceStart,
} from "./store-keys.ts";

/**
 * The spaces that every replica has alike and that a snapshot must carry. Meta and members are left out: they travel as the
 * snapshot's applied state. Cursors belong to the node that serves their readers.
 */
const REPLICATED: readonly (readonly [from: number, to: number])[] = [
  [SPACE_SESSIONS, SPACE_CURSORS],
  [SPACE_DATA, SPACE_DATA + 1],
];
const SCAN_BYTES = 256 * 1024;
const SCAN_ENTRIES = 1000;

/** Where a store stands, or stood when `view` was taken. */
export async function readState(level: StoreLevel, view?: AbstractSnapshot): Promise<AppliedState> {
  const options = view === undefined ? {} : { snapshot: view };
  const meta = await level.get(META_KEY, options);
  if (meta === undefined) {
    const keys = await level.keys({ ...options, limit: 1 }).all();
    if (keys.length > 0) throw new HoldfastError("CORRUPT", "store has keys but no meta record");
    return FRESH;
  }
  const bounds = { gte: spaceStart(SPACE_MEMBERS), lt: spaceStart(SPACE_MEMBERS + 1) };
  const members = new Map<NodeId, MemberRecord>();
  for await (const [key, value] of level.iterator({ ...bounds, ...options })) {
    const id = memberOfKey(key);
    members.set(id, decodeMember(id, value));
  }
  return { ...decodeMeta(meta), members };
}

const FRESH: AppliedState = {
  index: 0,
  term: 0,
  logTime: 0,
  epoch: 0,
  confState: EMPTY_CONF_STATE,
  members: new Map(),
  stateHash: new Uint8Array(STATE_HASH_BYTES),
};

/** Everything in `view` that a snapshot must carry, in order of store keys. */
export async function* replicatedPairs(
  level: StoreLevel,
  view: AbstractSnapshot,
): AsyncGenerator<readonly StorePair[]> {
  for (const [from, to] of REPLICATED) {
    const bounds = { gte: spaceStart(from), lt: spaceStart(to) };
    const iterator = level.iterator({
      ...bounds,
      snapshot: view,
      ...{ highWaterMarkBytes: SCAN_BYTES },
    });
    try {
      for (;;) {
        const pairs = await iterator.nextv(SCAN_ENTRIES);
        if (pairs.length === 0) break;
        yield pairs;
      }
    } finally {
      await iterator.close();
    }
  }
}

/** Whether a snapshot may hold this store key. */
export function isReplicated(storeKey: Buffer): boolean {
  const space = storeKey[0] ?? SPACE_CURSORS;
  return REPLICATED.some(([from, to]) => from <= space && space < to);
}
