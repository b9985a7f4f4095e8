import { assert } from "./errors.ts";
import type { EntryType, NodeId } from "./message.ts";

/** What a change does to one member. `Update` does nothing to the group: it carries news for the embedder. */
export type ConfChangeKind = "AddVoter" | "Remove" | "Update" | "AddLearner";

/** A change of one member. */
export interface ConfChangeSingle {
  readonly kind: ConfChangeKind;
  readonly nodeId: NodeId;
}

/** A change of one member in the older encoding. Its `id` and `context` are the embedder's. */
export interface ConfChange extends ConfChangeSingle {
  readonly id?: number;
  readonly context?: Uint8Array;
}

/**
 * `auto`: a joint configuration is used only where more than one member changes, and left at once. `implicit`: always
 * used, and left at once. `explicit`: always used, and left when an empty change is proposed.
 */
export type ConfChangeTransition = "auto" | "implicit" | "explicit";

/** A change of any number of members. Without changes and with `auto` it leaves the joint configuration. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context?: Uint8Array;
}

/** Whether a change needs a joint configuration, and whether that is left without being asked. */
export interface JointDecision {
  readonly joint: boolean;
  readonly autoLeave: boolean;
}

// Positions are the values on the wire.
const KINDS: readonly ConfChangeKind[] = ["AddVoter", "Remove", "Update", "AddLearner"];
const TRANSITIONS: readonly ConfChangeTransition[] = ["auto", "implicit", "explicit"];

const VARINT = 0;
const BYTES = 2;

/** The same change in the newer form. */
export function toConfChangeV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if ("changes" in change) return change;
  const changes = [{ kind: change.kind, nodeId: change.nodeId }];
  const v2: ConfChangeV2 = { transition: "auto", changes };
  return change.context === undefined ? v2 : { ...v2, context: change.context };
}

/** Whether `change` enters a joint configuration. */
export function entersJoint(change: ConfChangeV2): JointDecision {
  if (change.transition === "auto" && change.changes.length <= 1) {
    return { joint: false, autoLeave: false };
  }
  return { joint: true, autoLeave: change.transition !== "explicit" };
}

/** Whether `change` leaves the joint configuration. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === "auto" && change.changes.length === 0;
}

/**
 * The entry that carries `change`, in protobuf's wire format with the field numbers of etcd's raftpb, so that sizes,
 * and with them every limit in bytes, agree.
 */
export function encodeConfChange(change: ConfChange | ConfChangeV2): {
  readonly type: EntryType;
  readonly data: Uint8Array;
} {
  const out: number[] = [];
  if ("changes" in change) {
    putVarint(out, 1, TRANSITIONS.indexOf(change.transition));
    for (const { kind, nodeId } of change.changes) {
      const single: number[] = [];
      putVarint(single, 1, KINDS.indexOf(kind));
      putVarint(single, 2, nodeId);
      putBytes(out, 2, single);
    }
    if (change.context !== undefined) putBytes(out, 3, change.context);
    return { type: "ConfChangeV2", data: Uint8Array.from(out) };
  }
  putVarint(out, 1, change.id ?? 0);
  putVarint(out, 2, KINDS.indexOf(change.kind));
  putVarint(out, 3, change.nodeId);
  if (change.context !== undefined) putBytes(out, 4, change.context);
  return { type: "ConfChange", data: Uint8Array.from(out) };
}

/**
 * The change in an entry. No data at all leaves the joint configuration: a leader appends that on its own, and an entry
 * of size 0 is never refused for its size.
 */
export function decodeConfChange(
  type: "ConfChange" | "ConfChangeV2",
  data: Uint8Array,
): ConfChangeV2 {
  return type === "ConfChange" ? decodeV1(data) : decodeV2(data);
}

function decodeV1(data: Uint8Array): ConfChangeV2 {
  let kind: ConfChangeKind = "AddVoter";
  let nodeId = 0;
  let context: Uint8Array | undefined;
  for (const { field, value, bytes } of fieldsOf(data)) {
    if (field === 2) kind = kindOf(value);
    else if (field === 3) nodeId = value;
    else if (field === 4) context = bytes;
  }
  const change: ConfChangeV2 = { transition: "auto", changes: [{ kind, nodeId }] };
  return context === undefined ? change : { ...change, context };
}

function decodeV2(data: Uint8Array): ConfChangeV2 {
  let transition: ConfChangeTransition = "auto";
  const changes: ConfChangeSingle[] = [];
  let context: Uint8Array | undefined;
  for (const { field, value, bytes } of fieldsOf(data)) {
    if (field === 1) transition = transitionOf(value);
    else if (field === 2) changes.push(decodeSingle(bytes));
    else if (field === 3) context = bytes;
  }
  const change: ConfChangeV2 = { transition, changes };
  return context === undefined ? change : { ...change, context };
}

function decodeSingle(data: Uint8Array): ConfChangeSingle {
  let kind: ConfChangeKind = "AddVoter";
  let nodeId = 0;
  for (const { field, value } of fieldsOf(data)) {
    if (field === 1) kind = kindOf(value);
    else if (field === 2) nodeId = value;
  }
  return { kind, nodeId };
}

function kindOf(value: number): ConfChangeKind {
  const kind = KINDS[value];
  assert(kind !== undefined, `unknown kind of configuration change (${value})`);
  return kind;
}

function transitionOf(value: number): ConfChangeTransition {
  const transition = TRANSITIONS[value];
  assert(transition !== undefined, `unknown transition of a configuration change (${value})`);
  return transition;
}

/** One field on the wire: `value` of a number, `bytes` of anything with a length. */
interface WireField {
  readonly field: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

function fieldsOf(data: Uint8Array): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = data[at++];
      assert(byte !== undefined, "configuration change is cut short");
      value += (byte % 128) * scale;
      assert(Number.isSafeInteger(value), "number in a configuration change is too large");
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const tag = varint();
    const wire = tag % 8;
    const field = Math.floor(tag / 8);
    if (wire === VARINT) {
      fields.push({ field, value: varint(), bytes: NO_BYTES });
      continue;
    }
    assert(wire === BYTES, `unknown wire type in a configuration change (${wire})`);
    const length = varint();
    assert(at + length <= data.length, "configuration change is cut short");
    fields.push({ field, value: 0, bytes: data.slice(at, at + length) });
    at += length;
  }
  return fields;
}

function putVarint(out: number[], field: number, value: number): void {
  out.push(field * 8 + VARINT);
  pushVarint(out, value);
}

function putBytes(out: number[], field: number, bytes: ArrayLike<number>): void {
  out.push(field * 8 + BYTES);
  pushVarint(out, bytes.length);
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i] ?? 0);
}

/** Seven bits a byte, the lowest first; by division, since ids may be wider than 32 bits. */
function pushVarint(out: number[], value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `number (${value}) in a configuration change`);
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}
