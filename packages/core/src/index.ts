/**
 * A Raft-backed replicated database for Node services: open a node on each machine, use `node.db` as any `abstract-level` database.
 *
 * @packageDocumentation
 */
export { ConfigError, type ConfigIssue } from "./config/config-error.ts";
export { presets, type Presets, type PresetSettings } from "./config/presets.ts";
export type {
  CheckpointSettings,
  ClusterSettings,
  InitialMember,
  LimitSettings,
  LogSettings,
  NodeSettings,
  RaftSettings,
  ReplicationSettings,
  TimeoutSettings,
  TransportSettings,
} from "./config/settings.ts";
export type { HoldfastDatabase, HoldfastDatabaseOptions } from "./database/holdfast-database.ts";
export { HoldfastError, type HoldfastErrorCode } from "./errors.ts";
export type { Command } from "./format/sealed-batch.ts";
export {
  type ClassicLevelSettings,
  classicLevelEngine,
  type Store,
  type StoreEngine,
  type StoreLevel,
} from "./kv/store-engine.ts";
export type { Revision } from "./kv/value-header.ts";
export {
  type MemoryMachine,
  memoryMachine,
  type MemoryMachineOptions,
} from "./machine/memory-machine.ts";
export type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  MemberRecord,
  StateMachine,
  StateMachineContext,
  StateMachineFactory,
} from "./machine/state-machine.ts";
export type { Commit } from "./node/commit-stream.ts";
export type { DatabaseNode, HoldfastNode, NodeEvents } from "./node/holdfast-node.ts";
export type {
  ReadResult,
  RevisedEntry,
  RevisedValue,
  ScanRange,
  ScanResult,
  WriteOperation,
} from "./node/key-access.ts";
export type { Member, MemberRole, Members, NewMember } from "./node/members.ts";
export {
  createNode,
  type MachineOptions,
  type NodeOptions,
  openMachine,
  openNode,
} from "./node/open-node.ts";
export type { NodeStatus } from "./node/status.ts";
