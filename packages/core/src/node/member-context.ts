import type { ConfChangeV2, ConfState, NodeId } from "raft-ts-lite";
import { pack, unpack } from "msgpackr";
import { z } from "zod";
import type { MemberRecord } from "../machine/state-machine.ts";

const schema = z.object({
  members: z.array(z.object({ id: z.int().min(1), address: z.string() })),
  origin: z.object({ node: z.int(), incarnation: z.int(), sequence: z.int() }),
});

/** What travels in the context of a configuration change (docs/formats.md, section 7). */
export interface MemberContext {
  readonly members: readonly { readonly id: NodeId; readonly address: string }[];
  /** Tells the proposer its own change when it is applied. */
  readonly origin: {
    readonly node: NodeId;
    readonly incarnation: number;
    readonly sequence: number;
  };
}

export function encodeMemberContext(context: MemberContext): Uint8Array {
  return pack(context);
}

/** `undefined` where there is none, as in the change by which a leader leaves a joint configuration. */
export function decodeMemberContext(bytes: Uint8Array | undefined): MemberContext | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  return schema.parse(unpack(bytes));
}

/**
 * The members once `change` led to `confState`: addresses of the context for who is added or updated, and nobody whom the configuration
 * does not name any more. Who leaves a joint configuration is reachable until it is left.
 */
export function membersAfter(
  before: ReadonlyMap<NodeId, MemberRecord>,
  change: ConfChangeV2,
  confState: ConfState,
): ReadonlyMap<NodeId, MemberRecord> {
  const members = new Map(before);
  for (const { id, address } of decodeMemberContext(change.context)?.members ?? []) {
    members.set(id, { address });
  }
  const named = new Set(memberIds(confState));
  for (const id of members.keys()) if (!named.has(id)) members.delete(id);
  return members;
}

/** Everybody whom a configuration names, in any role. */
export function memberIds(confState: ConfState): readonly NodeId[] {
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  return [...new Set([...voters, ...learners, ...votersOutgoing, ...learnersNext])].sort(
    (a, b) => a - b,
  );
}
