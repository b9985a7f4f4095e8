/** Identifies a member of a group. A safe integer, at least 1; {@link NONE} stands for nobody. */
export type NodeId = number;

/** Nobody: an unknown leader, no vote. */
export const NONE: NodeId = 0;

/** The addressee of `StorageAppend`: the part of the embedder that writes the log. Never a member. */
export const APPEND_THREAD: NodeId = Number.MAX_SAFE_INTEGER;

/** The addressee of `StorageApply`: the part of the embedder that applies entries. Never a member. */
export const APPLY_THREAD: NodeId = Number.MAX_SAFE_INTEGER - 1;

/**
 * `Normal` carries the embedder's bytes (empty: the entry a new leader appends). `ConfChange` holds an encoded
 * single-step change, `ConfChangeV2` an encoded change of any size; see `encodeConfChange`.
 */
export type EntryType = "Normal" | "ConfChange" | "ConfChangeV2";

/** One record of the replicated log. Immutable once it has an index. */
export interface Entry {
  readonly type: EntryType;
  readonly term: number;
  readonly index: number;
  readonly data: Uint8Array;
}

/** What must be on disk before a message that depends on it is sent. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId;
  readonly commit: number;
}

/** What a node believes now; volatile, for the embedder's information. */
export interface SoftState {
  readonly leader: NodeId;
  readonly role: Role;
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** A configuration of a group as stored in snapshots. Id lists are sorted ascending. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** The outgoing voters of a joint configuration; empty outside one. */
  readonly votersOutgoing: readonly NodeId[];
  /** Voters of the outgoing configuration that become learners when the joint configuration is left. */
  readonly learnersNext: readonly NodeId[];
  /** Leave the joint configuration as soon as it is applied. */
  readonly autoLeave: boolean;
}

export interface SnapshotMetadata {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** A snapshot: where the log may start, and opaque bytes that tell the embedder how to get the state. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  readonly data: Uint8Array;
}

/**
 * Names one linearizable read. Made inside the core from (node, incarnation, counter), so that two reads never
 * share a token, whatever the caller does (etcd-io/raft#397).
 */
export type ReadToken = string;

/** A read request that was confirmed: the state at `index` or later answers it. */
export interface ReadState {
  readonly index: number;
  readonly token: ReadToken;
}

/** Who speaks to whom, in which term. */
export interface Envelope {
  readonly to: NodeId;
  readonly from: NodeId;
  /** 0 in messages that carry no term (Propose, ReadIndex, and local ones). */
  readonly term: number;
}

/** Sent by the leader; `index`/`logTerm` name the entry before `entries` (prevLogIndex, prevLogTerm). */
export interface AppendEntries extends Envelope {
  readonly type: "AppendEntries";
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}
/** `index` is the last matching index, or the rejected prevLogIndex; `rejectHint`/`logTerm` speed up back-tracking. */
export interface AppendEntriesResponse extends Envelope {
  readonly type: "AppendEntriesResponse";
  readonly index: number;
  readonly logTerm: number;
  readonly reject: boolean;
  readonly rejectHint: number;
}
export interface RequestVote extends Envelope {
  readonly type: "RequestVote" | "PreVote";
  readonly logTerm: number;
  readonly index: number;
  /** Set when a leader asked for this election (transfer): voters answer inside a leader's lease. */
  readonly transfer: boolean;
  /** The candidate's election priority. */
  readonly priority: number;
}
export interface RequestVoteResponse extends Envelope {
  readonly type: "RequestVoteResponse" | "PreVoteResponse";
  readonly reject: boolean;
}
export interface InstallSnapshot extends Envelope {
  readonly type: "InstallSnapshot";
  readonly snapshot: Snapshot;
}
export interface Heartbeat extends Envelope {
  readonly type: "Heartbeat";
  readonly commit: number;
  /** Confirms this read and every one queued before it, or a round of the lease; empty: none. */
  readonly readToken: ReadToken;
}
export interface HeartbeatResponse extends Envelope {
  readonly type: "HeartbeatResponse";
  readonly readToken: ReadToken;
}
export interface TimeoutNow extends Envelope {
  readonly type: "TimeoutNow";
}
/** Forwarded to the leader by a follower, or local. Entries have no term and index yet (0). */
export interface Propose extends Envelope {
  readonly type: "Propose";
  readonly entries: readonly Entry[];
}
export interface ReadIndex extends Envelope {
  readonly type: "ReadIndex";
  readonly readToken: ReadToken;
}
export interface ReadIndexResponse extends Envelope {
  readonly type: "ReadIndexResponse";
  readonly index: number;
  readonly readToken: ReadToken;
}
/** Local or forwarded to the leader; `from` is the member that shall lead. */
export interface TransferLeader extends Envelope {
  readonly type: "TransferLeader";
}

// Local messages: they never cross the network.
export interface Campaign extends Envelope {
  readonly type: "Campaign";
}
/** Tells a leader to send heartbeats. */
export interface Beat extends Envelope {
  readonly type: "Beat";
}
export interface CheckQuorum extends Envelope {
  readonly type: "CheckQuorum";
}
/** The embedder could not deliver to `from`. */
export interface Unreachable extends Envelope {
  readonly type: "Unreachable";
}
/** How sending a snapshot to `from` ended. */
export interface SnapshotStatus extends Envelope {
  readonly type: "SnapshotStatus";
  readonly reject: boolean;
}
export interface ForgetLeader extends Envelope {
  readonly type: "ForgetLeader";
}
/**
 * To {@link APPEND_THREAD}: write `entries`, then `hardState`, then `snapshot` where present, sync, and only then deliver
 * every one of `responses`, in order (to this node itself when `to` is its own id). These messages are handled in the
 * order in which they were emitted.
 */
export interface StorageAppend extends Envelope {
  readonly type: "StorageAppend";
  readonly entries: readonly Entry[];
  /** Absent: unchanged. */
  readonly hardState?: HardState;
  readonly snapshot?: Snapshot;
  readonly responses: readonly Message[];
}
/** Steps back into the core: the log is stable up to (`logTerm`, `index`) if that is still its content, and `snapshot` is applied. */
export interface StorageAppendResponse extends Envelope {
  readonly type: "StorageAppendResponse";
  readonly logTerm: number;
  readonly index: number;
  readonly snapshot?: Snapshot;
}
/** To {@link APPLY_THREAD}: apply `entries` in order, then deliver `responses`. */
export interface StorageApply extends Envelope {
  readonly type: "StorageApply";
  readonly entries: readonly Entry[];
  readonly responses: readonly Message[];
}
export interface StorageApplyResponse extends Envelope {
  readonly type: "StorageApplyResponse";
  readonly entries: readonly Entry[];
}

/** Everything that can be stepped into a node. Names are the paper's; the rest follow etcd's nouns. */
export type Message =
  | AppendEntries
  | AppendEntriesResponse
  | RequestVote
  | RequestVoteResponse
  | InstallSnapshot
  | Heartbeat
  | HeartbeatResponse
  | TimeoutNow
  | Propose
  | ReadIndex
  | ReadIndexResponse
  | TransferLeader
  | Campaign
  | Beat
  | CheckQuorum
  | Unreachable
  | SnapshotStatus
  | ForgetLeader
  | StorageAppend
  | StorageAppendResponse
  | StorageApply
  | StorageApplyResponse;

export type MessageType = Message["type"];
