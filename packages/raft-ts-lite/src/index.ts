/**
 * The Raft algorithm as a pure, deterministic state machine. Make a {@link RawNode}, feed it ticks, proposals and messages,
 * and do what each {@link Ready} says.
 *
 * @packageDocumentation
 */

export { type Prng, type RaftConfig, type ReadMode } from "./config.ts";
export {
  type ConfChange,
  type ConfChangeKind,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeV2,
  decodeConfChange,
  encodeConfChange,
  toConfChangeV2,
} from "./conf-change-codec.ts";
export { entrySize } from "./entry-size.ts";
export {
  InvariantError,
  RaftError,
  type RaftErrorCode,
  StorageError,
  type StorageErrorCode,
} from "./errors.ts";
export { type Inspection } from "./inspection.ts";
export { MemoryLogStorage } from "./memory-storage.ts";
export {
  APPEND_THREAD,
  APPLY_THREAD,
  type AppendEntries,
  type AppendEntriesResponse,
  type Beat,
  type Campaign,
  type CheckQuorum,
  type ConfState,
  type Entry,
  type EntryType,
  type Envelope,
  type ForgetLeader,
  type HardState,
  type Heartbeat,
  type HeartbeatResponse,
  type InstallSnapshot,
  type Message,
  type MessageType,
  NONE,
  type NodeId,
  type Propose,
  type ReadIndex,
  type ReadIndexResponse,
  type ReadState,
  type ReadToken,
  type RequestVote,
  type RequestVoteResponse,
  type Role,
  type Snapshot,
  type SnapshotMetadata,
  type SnapshotStatus,
  type SoftState,
  type StorageAppend,
  type StorageAppendResponse,
  type StorageApply,
  type StorageApplyResponse,
  type TimeoutNow,
  type TransferLeader,
  type Unreachable,
} from "./message.ts";
export { type ProgressState, type ProgressView } from "./progress.ts";
export { RawNode } from "./raw-node.ts";
export { type Ready } from "./ready.ts";
export { type BasicStatus, type Status } from "./status.ts";
export { type LogStorage } from "./storage.ts";
