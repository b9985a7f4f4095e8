import { stepCandidate } from "./candidate.ts";
import type { ResolvedConfig } from "./config.ts";
import { restoreConfig } from "./confchange.ts";
import { startElection, voteOn } from "./election.ts";
import { payloadsSize } from "./entry-size.ts";
import { assert, fail } from "./errors.ts";
import { stepFollower } from "./follower.ts";
import { checkQuorumActive, stepLeader } from "./leader.ts";
import { Lease } from "./lease.ts";
import { RaftLog } from "./log.ts";
import { switchToConfig } from "./membership.ts";
import type {
  ConfState,
  Entry,
  HardState,
  Message,
  NodeId,
  ReadIndex,
  ReadState,
  Role,
  SoftState,
} from "./message.ts";
import { NONE } from "./message.ts";
import { Progress } from "./progress.ts";
import { ReadQueue, ReadTokens } from "./read-index.ts";
import { acceptHigherTerm, answerLowerTerm } from "./term.ts";
import { ProgressTracker } from "./tracker.ts";
import { applied, storageAppended } from "./written.ts";

/** The entry that a new leader appends, and what stands for a refused change. */
const NO_DATA = new Uint8Array(0);

/** An entry before it has a place in the log. */
export type NewEntry = Pick<Entry, "type" | "data">;

/** The state of one member and how it changes; {@link RawNode} is the way in. */
export class Raft {
  readonly config: ResolvedConfig;
  readonly id: NodeId;
  readonly log: RaftLog;
  readonly tracker: ProgressTracker;
  readonly readTokens: ReadTokens;
  readonly reads: ReadQueue = new ReadQueue();
  readonly lease: Lease;

  term = 0;
  vote: NodeId = NONE;
  leader: NodeId = NONE;
  role: Role = "follower";
  isLearner = false;
  /** The member that shall lead; no proposals meanwhile. */
  leadTransferee: NodeId = NONE;
  /** No configuration change is appended before this index is applied; it may be too high, never too low. */
  pendingConfIndex = 0;
  uncommittedBytes = 0;
  /** Reads that came before this leader had committed anything in its term. */
  waitingReads: ReadIndex[] = [];
  readStates: ReadState[] = [];
  /** Peers whose next entries were UNAVAILABLE. */
  readonly awaitingEntries: Set<NodeId> = new Set();

  /** Ticks since the last contact with a leader, since the campaign began, or, in a leader, since its last quorum check. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** Ticks since the start. */
  ticks = 0;
  /** How often this voter refused candidates for their priority since it last heard of a leader. */
  priorityRefusals = 0;
  /** Whether this node may have promised something to a leader before it started; see `inLeaderLease`. */
  readonly isRestart: boolean;

  messages: Message[] = [];
  /** Promises: they leave only when everything in the same `Ready` is on disk. */
  messagesAfterAppend: Message[] = [];

  constructor(config: ResolvedConfig) {
    const { storage } = config;
    this.config = config;
    this.id = config.id;
    this.log = new RaftLog(storage, config.maxCommittedBytesPerReady);
    this.tracker = new ProgressTracker(config.maxInflightMessages, config.maxInflightBytes);
    this.readTokens = new ReadTokens(config.id, config.incarnation);
    this.lease = new Lease(config.electionTicks, config.leaseDriftTicks);
    const { hardState, confState } = storage.initialState();
    const { config: group, progress } = restoreConfig(
      this.tracker,
      this.log.lastIndex(),
      confState,
    );
    switchToConfig(this, group, progress);
    this.isRestart = hardState.term > 0;
    this.term = hardState.term;
    this.vote = hardState.vote;
    if (this.isRestart || hardState.commit > 0) this.log.restoreCommitted(hardState.commit);
    if (config.applied > 0) this.log.appliedTo(config.applied, 0);
    this.becomeFollower(this.term, NONE);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { leader: this.leader, role: this.role };
  }

  send(message: Message): void {
    const { type } = message;
    // Each of these promises something that must survive a crash: a vote, or entries. That holds also for a rejection,
    // which promises at least the term.
    const promises =
      type === "AppendEntriesResponse" ||
      type === "RequestVoteResponse" ||
      type === "PreVoteResponse";
    if (promises) this.messagesAfterAppend.push(message);
    else this.messages.push(message);
  }

  tick(): void {
    this.ticks += 1;
    if (this.role === "leader") this.#tickLeader();
    else this.#tickElection();
  }

  step(message: Message): void {
    if (message.term > this.term) {
      if (!acceptHigherTerm(this, message)) return;
    } else if (message.term !== 0 && message.term < this.term) {
      answerLowerTerm(this, message);
      return;
    }
    const { type } = message;
    if (type === "RequestVote" || type === "PreVote") voteOn(this, message);
    else if (type === "StorageAppendResponse") storageAppended(this, message);
    else if (type === "StorageApplyResponse") applied(this, message.entries);
    else if (type === "Campaign") startElection(this, this.config.preVote ? "preVote" : "vote");
    else this.#stepRole(message);
  }

  /** Gives entries their places, unless too much is uncommitted already. The leader acknowledges them like a follower. */
  appendEntries(entries: readonly NewEntry[]): boolean {
    if (!this.#reserveUncommitted(entries)) return false;
    let index = this.log.lastIndex();
    const placed: Entry[] = [];
    for (const { type, data } of entries) {
      index += 1;
      placed.push({ type, term: this.term, index, data });
    }
    if (!Number.isSafeInteger(index)) fail(`index (${index}) is beyond the safe integers`);
    this.log.append(placed);
    this.send({
      type: "AppendEntriesResponse",
      to: this.id,
      from: this.id,
      term: this.term,
      logTerm: 0,
      index,
      reject: false,
      rejectHint: 0,
    });
    return true;
  }

  /** Commits what a quorum holds, as far as it ends in an entry of this term. */
  maybeCommit(): boolean {
    return this.log.maybeCommit(this.tracker.committed(), this.term);
  }

  /** Until then a new leader does not know what was committed before (thesis 6.4). */
  committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  becomeFollower(term: number, leader: NodeId): void {
    this.#reset(term);
    this.leader = leader;
    this.role = "follower";
  }

  becomePreCandidate(): void {
    assert(this.role !== "leader", "a leader became pre-candidate");
    // Neither term nor vote change: nobody is disturbed by an election that cannot be won.
    this.tracker.resetVotes();
    this.leader = NONE;
    this.role = "preCandidate";
  }

  becomeCandidate(): void {
    assert(this.role !== "leader", "a leader became candidate");
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = "candidate";
  }

  becomeLeader(): void {
    assert(this.role === "candidate" || this.role === "preCandidate", "a follower became leader");
    this.#reset(this.term);
    this.leader = this.id;
    this.role = "leader";
    this.priorityRefusals = 0;
    const own = this.tracker.get(this.id);
    assert(own !== undefined, "a leader that is no member");
    own.becomeReplicate();
    own.recentActive = true;
    // There may be a configuration change in the log that is not applied: none is appended until all of it is.
    this.pendingConfIndex = this.log.lastIndex();
    const accepted = this.appendEntries([{ type: "Normal", data: NO_DATA }]);
    assert(accepted, "the empty entry of a new leader was refused");
  }

  abortTransfer(): void {
    this.leadTransferee = NONE;
  }

  /** Whether this node could lead: a voter that is not in the middle of taking over a snapshot. */
  promotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined;
  }

  /**
   * Takes the configuration of a snapshot whose state is in place. Not when the log was replaced by it: changes from before it
   * may still wait to be applied then, and would be applied to a configuration in which they have no place.
   */
  restoreConfig(confState: ConfState): void {
    const { config, progress } = restoreConfig(
      new ProgressTracker(this.config.maxInflightMessages, this.config.maxInflightBytes),
      this.log.lastIndex(),
      confState,
    );
    switchToConfig(this, config, progress);
  }

  #tickElection(): void {
    this.electionElapsed += 1;
    if (this.electionElapsed < this.electionTimeout || !this.promotable()) return;
    this.electionElapsed = 0;
    this.step({ type: "Campaign", to: this.id, from: this.id, term: 0 });
  }

  #tickLeader(): void {
    this.heartbeatElapsed += 1;
    this.electionElapsed += 1;
    if (this.electionElapsed >= this.config.electionTicks) {
      this.electionElapsed = 0;
      if (this.config.checkQuorum) checkQuorumActive(this);
      // The target did not take over in time: take proposals again.
      this.abortTransfer();
    }
    if (!this.#isLeader()) return;
    if (this.heartbeatElapsed < this.config.heartbeatTicks) return;
    this.heartbeatElapsed = 0;
    this.step({ type: "Beat", to: this.id, from: this.id, term: 0 });
  }

  // The check above may have ended the leadership, which the compiler does not see.
  #isLeader(): boolean {
    return this.role === "leader";
  }

  #stepRole(message: Message): void {
    switch (this.role) {
      case "follower":
        stepFollower(this, message);
        return;
      case "preCandidate":
      case "candidate":
        stepCandidate(this, message);
        return;
      case "leader":
        stepLeader(this, message);
    }
  }

  #reserveUncommitted(entries: readonly NewEntry[]): boolean {
    let bytes = 0;
    for (const { data } of entries) bytes += data.length;
    const total = this.uncommittedBytes + bytes;
    // A first proposal of any size passes, and so does one without data: a leader needs its empty entry, and leaving a
    // joint configuration must not wait for room.
    const limit = this.config.maxUncommittedBytes;
    if (this.uncommittedBytes > 0 && bytes > 0 && total > limit) return false;
    this.uncommittedBytes = total;
    return true;
  }

  /** Applied entries no longer count. */
  releaseUncommitted(entries: readonly Entry[]): void {
    // A new leader does not know what of its log was counted, so this may come out below zero.
    this.uncommittedBytes = Math.max(0, this.uncommittedBytes - payloadsSize(entries));
  }

  #reset(term: number): void {
    if (!Number.isSafeInteger(term)) fail(`term (${term}) is beyond the safe integers`);
    if (this.term !== term) {
      this.term = term;
      this.vote = NONE;
    }
    this.leader = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTicks, maxElectionTicks, random } = this.config;
    this.electionTimeout = random.integer(electionTicks, maxElectionTicks);
    this.abortTransfer();
    this.tracker.resetVotes();
    this.#resetProgress();
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.reads.clear();
    this.waitingReads = [];
    this.awaitingEntries.clear();
    this.lease.reset();
  }

  #resetProgress(): void {
    const last = this.log.lastIndex();
    const progress = new Map<NodeId, Progress>();
    for (const [id, { isLearner }] of this.tracker.progress) {
      const match = id === this.id ? last : 0;
      const inflights = this.tracker.newInflights();
      const fresh = { match, next: last + 1, inflights, isLearner, recentActive: false };
      progress.set(id, new Progress(fresh));
    }
    this.tracker.install(this.tracker.config, progress);
  }
}
