/**
 * For simulators and proxies: the inside of a running node, and what nodes say to each other. Nothing here is needed to use a database, and
 * what it shows may change with every version.
 *
 * @packageDocumentation
 */
import { MachineNode } from "./node/machine-node.ts";
import type { HoldfastNode } from "./node/holdfast-node.ts";
import type { NodeInspection } from "./node/node-inspection.ts";

export type { HoldfastError, HoldfastErrorCode } from "./errors.ts";
export type { Command } from "./format/sealed-batch.ts";
export type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  MemberRecord,
  StateMachine,
} from "./machine/state-machine.ts";
export type { Commit } from "./node/commit-stream.ts";
export type { HoldfastNode, NodeEvents } from "./node/holdfast-node.ts";
export type { Member, MemberRole, Members, NewMember } from "./node/members.ts";
export type { InspectedEntry, NodeInspection } from "./node/node-inspection.ts";
export type { NodeStatus } from "./node/status.ts";
export { type FrameKind, FrameTap, type TappedFrame } from "./transport/frame-tap.ts";

/**
 * The inside of a node, as it is whenever it is asked; `undefined` unless the node is open. Cheap: the same object until the node closes.
 * Throws `TypeError` for anything but a node that `openNode`, `createNode` or `openMachine` made.
 */
export function inspect(node: HoldfastNode): NodeInspection | undefined {
  if (!(node instanceof MachineNode)) throw new TypeError("only nodes made here can be inspected");
  return node.inspection;
}
