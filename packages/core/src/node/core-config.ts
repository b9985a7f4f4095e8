import type { Platform } from "@holdfast/platform";
import type { ConfState, LogStorage, NodeId, RaftConfig } from "raft-ts-lite";
import type { ResolvedSettings } from "../config/settings.ts";

/** Bytes of committed entries that may be handed out and not applied yet. */
const MAX_APPLYING_BYTES = 8 * 1_048_576;

export interface CoreOptions {
  readonly id: NodeId;
  readonly life: number;
  readonly settings: Pick<ResolvedSettings, "raft">;
  readonly tickMs: number;
  readonly platform: Pick<Platform, "random">;
  readonly log: LogStorage;
  readonly applied: { readonly index: number; readonly confState: ConfState };
}

/** The core's options from the node's. */
export function coreConfig(options: CoreOptions): RaftConfig {
  const { id, life, tickMs, platform, applied, log } = options;
  const { raft } = options.settings;
  return {
    id,
    storage: withConfiguration(log, applied.confState),
    applied: applied.index,
    incarnation: life,
    random: platform.random,
    asyncStorageWrites: true,
    electionTicks: Math.ceil(raft.electionMinMs / tickMs),
    maxElectionTicks: Math.ceil(raft.electionMaxMs / tickMs),
    heartbeatTicks: Math.max(1, Math.floor(raft.heartbeatMs / tickMs)),
    maxMessageBytes: raft.maxAppendBytes,
    maxEntriesPerMessage: raft.maxAppendEntries,
    maxCommittedBytesPerReady: MAX_APPLYING_BYTES,
    maxUncommittedBytes: raft.maxUncommittedBytes,
    maxInflightMessages: raft.maxInflightMessages,
    maxInflightBytes: raft.maxInflightBytes,
    checkQuorum: true,
    preVote: true,
    stepDownOnRemoval: true,
    // The node forwards itself: for one term, so that it may hand over again what that term lost.
    disableProposalForwarding: true,
    readMode: "safe",
  };
}

/** The configuration is that of the applied state, not the one last written to the log. */
function withConfiguration(log: LogStorage, confState: ConfState): LogStorage {
  return {
    initialState: () => ({ hardState: log.initialState().hardState, confState }),
    entries: (lo, hi, maxBytes) => log.entries(lo, hi, maxBytes),
    term: (index) => log.term(index),
    firstIndex: () => log.firstIndex(),
    lastIndex: () => log.lastIndex(),
    snapshot: () => log.snapshot(),
  };
}
