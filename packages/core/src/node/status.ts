import type { NodeId, Role } from "raft-ts-lite";
import type { Member } from "./members.ts";

/** A node at one moment, for people and programs. Indexes and terms are those of the Raft log. */
export interface NodeStatus {
  readonly id: NodeId;
  /** `open`: taking part. `stopped`: it stopped itself, see `failure`. `closed`: not opened, or closed. */
  readonly state: "open" | "stopped" | "closed";
  /** Why it stopped. */
  readonly failure?: Error;
  readonly cluster: string;
  /** `host:port` that it listens on. */
  readonly address: string;
  readonly role: Role;
  /** `undefined`: no leader is known. */
  readonly leader: NodeId | undefined;
  readonly term: number;
  /** Last index known to be committed. */
  readonly commit: number;
  /** Last index applied to the state machine. */
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly members: readonly Member[];
  /** Bytes of commands whose outcome is open on this node. */
  readonly pendingBytes: number;
  readonly disk: {
    /** Segment files, full size. */
    readonly logBytes: number;
    readonly logSegments: number;
    /** The state machine's. */
    readonly storeBytes: number;
    /** Synced writes since the node was opened, and the appends that they carried. */
    readonly syncs: number;
    readonly appends: number;
  };
  /** On the leader: how far each other member's log agrees with its own. */
  readonly followers: readonly {
    readonly id: NodeId;
    readonly match: number;
    readonly active: boolean;
  }[];
}
