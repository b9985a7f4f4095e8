/** A member of the group at its beginning. */
export interface InitialMember {
  /** At least 1, unique in the cluster, never reused. */
  readonly id: number;
  /** `host:port` at which the other members reach it. */
  readonly address: string;
}

/** Which cluster, and who is in it at the beginning. */
export interface ClusterSettings {
  /** Name of the cluster. Nodes of clusters with other names refuse to talk to this one. Cannot be changed later. */
  readonly name: string;
  /**
   * The members of a new cluster: the same list on every one of them. Used once, when the data directory is empty; afterwards the
   * replicated configuration counts.
   */
  readonly members?: readonly InitialMember[];
  /** `true`: this node is not one of the first members; it waits until `members.add` on the leader names it. @defaultValue false */
  readonly join?: boolean;
}

/** How many copies there are and how writes are put together. */
export interface ReplicationSettings {
  /**
   * Voters at the start: the first so many of `cluster.members`, in order of id; the others begin as learners. Odd, at most 7. More voters survive more
   * failures and make each write wait for more disks.
   * @defaultValue the number of members, rounded down to an odd one, at most 7
   */
  readonly replicationFactor?: number;
  /** Most commands that share one log entry. Fewer make smaller batches and more of them. @defaultValue 1_000 */
  readonly batchSize?: number;
}

/** The timing and the limits of the Raft core. */
export interface RaftSettings {
  /** The leader is heard from at least this often. Lower finds failures sooner and costs more messages. @defaultValue 50 */
  readonly heartbeatMs?: number;
  /** Without a leader for a time drawn from `[electionMinMs, electionMaxMs)`, a follower campaigns. At least three heartbeats. @defaultValue 500 */
  readonly electionMinMs?: number;
  /** A wider range makes ties rarer and failover slower. @defaultValue 1_000 */
  readonly electionMaxMs?: number;
  /** Most entries in one AppendEntries. @defaultValue 64 */
  readonly maxAppendEntries?: number;
  /** Most bytes of entries in one AppendEntries (at least one entry always fits). @defaultValue 1_048_576 */
  readonly maxAppendBytes?: number;
  /** AppendEntries on their way to one follower. @defaultValue 256 */
  readonly maxInflightMessages?: number;
  /** Bytes of entries on their way to one follower. @defaultValue 67_108_864 */
  readonly maxInflightBytes?: number;
  /** Bytes proposed and not committed yet; beyond it, proposals wait. @defaultValue 67_108_864 */
  readonly maxUncommittedBytes?: number;
}

/** The durable log. */
export interface LogSettings {
  /** Size of a segment file, made in advance. @defaultValue 67_108_864 */
  readonly segmentBytes?: number;
  /** Newest entries kept in memory, so that followers are served without reading the disk. @defaultValue 67_108_864 */
  readonly cacheBytes?: number;
  /** Bytes of log kept behind the last checkpoint whoever needs them. @defaultValue 67_108_864 */
  readonly retainBytes?: number;
  /** A follower that lags less than this is served from the log, which is kept for it; beyond, it gets a snapshot. @defaultValue 268_435_456 */
  readonly retainForFollowersBytes?: number;
}

/** When the state is made durable, so that the log may be cut. */
export interface CheckpointSettings {
  /** Checkpoint after so many applied entries (`snapshot_threshold` elsewhere). @defaultValue 8_192 */
  readonly snapshotThreshold?: number;
  /** Checkpoint after so many applied bytes. @defaultValue 67_108_864 */
  readonly snapshotBytes?: number;
  /** Entries kept behind a checkpoint in any case (`compaction_overhead` elsewhere). @defaultValue 5 */
  readonly compactionOverhead?: number;
}

/** What is refused because it is too big, or too much at once. */
export interface LimitSettings {
  /** @defaultValue 65_536 */
  readonly maxKeyBytes?: number;
  /** @defaultValue 8_388_608 */
  readonly maxValueBytes?: number;
  /** Keys and values of one atomic batch. @defaultValue 33_554_432 */
  readonly maxBatchBytes?: number;
  /** Bytes of commands waiting for their outcome; beyond it, proposals are refused with `OVERLOADED`. @defaultValue 134_217_728 */
  readonly maxPendingBytes?: number;
}

/** How long callers wait at most. */
export interface TimeoutSettings {
  /** A write ends with `UNKNOWN` or `NOT_COMMITTED` after this. @defaultValue 10_000 */
  readonly proposalMs?: number;
  /** A read ends with `UNAVAILABLE` after this. @defaultValue 10_000 */
  readonly readMs?: number;
}

/** Sockets between members. */
export interface TransportSettings {
  /** Bytes queued for one peer; beyond it, messages to it are dropped and Raft sends them again. @defaultValue 134_217_728 */
  readonly maxQueueBytes?: number;
  /** Messages queued for one peer. @defaultValue 16_384 */
  readonly maxQueueMessages?: number;
  /** Largest frame that is accepted. At least `maxBatchBytes` and a little. @defaultValue 67_108_864 */
  readonly maxFrameBytes?: number;
  /** @defaultValue 2_000 */
  readonly connectTimeoutMs?: number;
  /** @defaultValue 5_000 */
  readonly handshakeTimeoutMs?: number;
  /** First pause before dialling again; doubles, with jitter. @defaultValue 50 */
  readonly reconnectMinMs?: number;
  /** Longest pause before dialling again. @defaultValue 1_000 */
  readonly reconnectMaxMs?: number;
}

/** Everything about a node that is plain data. */
export interface NodeSettings {
  /** Starting values; every key given here wins over the preset's. */
  readonly preset?: "development" | "production" | "wan";
  /** Where this node keeps its data. Made when missing; used by one node at a time. */
  readonly directory: string;
  /** Who this node is: at least 1, unique in the cluster, never reused. */
  readonly id: number;
  /** `host:port` to listen on. Port 0 takes a free one (only useful with `advertise` or a single node). @defaultValue this node's address in `cluster.members` */
  readonly listen?: string;
  /** `host:port` told to the others. @defaultValue this node's address in `cluster.members`, or where it listens */
  readonly advertise?: string;
  readonly cluster: ClusterSettings;
  readonly replication?: ReplicationSettings;
  readonly raft?: RaftSettings;
  readonly log?: LogSettings;
  readonly checkpoint?: CheckpointSettings;
  readonly limits?: LimitSettings;
  readonly timeouts?: TimeoutSettings;
  readonly transport?: TransportSettings;
}

/** {@link NodeSettings} with every default filled in: what the inside of a node works with. */
export interface ResolvedSettings {
  readonly directory: string;
  readonly id: number;
  readonly listen: string;
  readonly advertise: string | undefined;
  readonly cluster: {
    readonly name: string;
    readonly members: readonly InitialMember[];
    readonly join: boolean;
  };
  readonly replication: Required<ReplicationSettings>;
  readonly raft: Required<RaftSettings>;
  readonly log: Required<LogSettings>;
  readonly checkpoint: Required<CheckpointSettings>;
  readonly limits: Required<LimitSettings>;
  readonly timeouts: Required<TimeoutSettings>;
  readonly transport: Required<TransportSettings>;
}
