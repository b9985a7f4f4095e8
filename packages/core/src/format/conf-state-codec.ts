import type { ConfState, NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { readU64, writeU64 } from "./bytes.ts";

/** A configuration without members: that of a group which was not bootstrapped. */
export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

const LISTS = 4;
const COUNT_BYTES = 4;
const ID_BYTES = 8;

/** Bytes of an encoded ConfState (docs/formats.md, section 3). */
export function confStateBytes(state: ConfState): number {
  return LISTS * COUNT_BYTES + ID_BYTES * lists(state).flat().length + 1;
}

/** Encodes `state` into `target` at `at` and returns the offset behind it. */
export function writeConfState(target: Buffer, at: number, state: ConfState): number {
  let offset = at;
  for (const ids of lists(state)) {
    target.writeUInt32LE(ids.length, offset);
    offset += COUNT_BYTES;
    for (const id of ids) {
      writeU64(target, id, offset);
      offset += ID_BYTES;
    }
  }
  target.writeUInt8(state.autoLeave ? 1 : 0, offset);
  return offset + 1;
}

/** A ConfState and the offset behind it. Throws `CORRUPT` when `source` ends before it does. */
export function readConfState(
  source: Buffer,
  at: number,
): { readonly state: ConfState; readonly end: number } {
  let offset = at;
  const list = (): NodeId[] => {
    need(source, offset, COUNT_BYTES);
    const count = source.readUInt32LE(offset);
    offset += COUNT_BYTES;
    need(source, offset, count * ID_BYTES);
    const ids: NodeId[] = [];
    for (let i = 0; i < count; i++, offset += ID_BYTES) ids.push(readU64(source, offset));
    return ids;
  };
  const voters = list();
  const learners = list();
  const votersOutgoing = list();
  const learnersNext = list();
  need(source, offset, 1);
  const autoLeave = source.readUInt8(offset) !== 0;
  return {
    state: { voters, learners, votersOutgoing, learnersNext, autoLeave },
    end: offset + 1,
  };
}

function lists(state: ConfState): readonly (readonly NodeId[])[] {
  return [state.voters, state.learners, state.votersOutgoing, state.learnersNext];
}

function need(source: Buffer, at: number, bytes: number): void {
  if (at + bytes > source.length) {
    throw new HoldfastError("CORRUPT", `configuration at offset (${at}) is cut short`);
  }
}
