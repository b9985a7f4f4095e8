import type { Platform } from "@holdfast/platform";
import type { InstallSnapshot, Message, NodeId, Role } from "raft-ts-lite";
import type { ResolvedSettings } from "../config/settings.ts";
import type { HoldfastError } from "../errors.ts";
import type { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import type { ReplicaApplied } from "./applier.ts";
import type { StoreSlot } from "./store-slot.ts";

export interface ReplicaOptions<Machine extends StateMachine> {
  readonly group: number;
  readonly id: NodeId;
  /** Drawn at every start: names this life of the node in batches and read tokens. */
  readonly life: number;
  readonly settings: ResolvedSettings;
  readonly tickMs: number;
  readonly platform: Platform;
  readonly wal: WriteAheadLog;
  readonly slot: StoreSlot<Machine>;
  readonly applied: ReplicaApplied;
  /** Log time of the last entry in the log. */
  readonly lastLogTime: number;
  readonly handlers: ReplicaHandlers;
}

/** What a replica asks of its node. */
export interface ReplicaHandlers {
  /** Queues a message; `false` when it was dropped at once. */
  send(to: NodeId, message: Message): boolean;
  /** No more messages come in this turn: what is queued can leave. */
  flush(): void;
  /** A follower needs a snapshot: stream the state, then report. */
  sendSnapshot(message: InstallSnapshot): void;
  /** The applied configuration changed. */
  membersChanged(applied: ReplicaApplied): void;
  leaderChanged(leader: NodeId, role: Role, term: number): void;
  /** The replica can go no further without breaking a promise. Called once. */
  failed(error: HoldfastError): void;
}
