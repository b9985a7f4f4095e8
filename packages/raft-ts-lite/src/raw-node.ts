import { resolveConfig, type RaftConfig } from "./config.ts";
import { encodeConfChange, toConfChangeV2 } from "./conf-change-codec.ts";
import type { ConfChange, ConfChangeV2 } from "./conf-change-codec.ts";
import { assert, RaftError } from "./errors.ts";
import { type Inspection, RaftInspection } from "./inspection.ts";
import { applyConfChange, refusalOf, requireProposals } from "./membership.ts";
import type {
  ConfState,
  Entry,
  EntryType,
  HardState,
  Message,
  NodeId,
  ReadToken,
  SoftState,
} from "./message.ts";
import { Raft } from "./raft.ts";
import {
  storageAppendOf,
  storageAppendResponseOf,
  storageApplyOf,
  storageApplyResponseOf,
  type Ready,
} from "./ready.ts";
import { sendAllAppends } from "./replication.ts";
import { basicStatusOf, statusOf, type BasicStatus, type Status } from "./status.ts";
import { checkMessage, isForgedLocal, isResponse } from "./validate.ts";

/**
 * One member of a Raft group. Every call is synchronous and returns at once; what it causes is in the next
 * {@link RawNode.ready}. Not reentrant. An `InvariantError` from any call means that the node must stop.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #async: boolean;
  #softState: SoftState;
  #hardState: HardState;
  // What a synchronous Ready promised to tell the core once it is written and applied.
  #onAdvance: Message[] = [];
  #accepted = false;
  /** The inside of this node, for invariants that are checked while it runs. */
  readonly inspection: Inspection;

  /** Throws `TypeError` when the configuration makes no sense. */
  constructor(config: RaftConfig) {
    const resolved = resolveConfig(config);
    this.#raft = new Raft(resolved);
    this.#async = resolved.asyncStorageWrites;
    this.#softState = this.#raft.softState();
    this.#hardState = this.#raft.hardState();
    this.inspection = new RaftInspection(this.#raft);
  }

  /** Time passes: call it at equal intervals. */
  tick(): void {
    this.#raft.tick();
  }

  /** Campaigns now, unless this node leads or may not. With lease reads, not while there is a leader. */
  campaign(): void {
    this.#stepLocal({ type: "Campaign", to: this.#id, from: this.#id, term: 0 });
  }

  /**
   * Takes a message from another member, or a response from one of this node's threads. The embedder vouches for `from`.
   * Throws `RaftError` `INVALID_MESSAGE`, `LOCAL_MESSAGE`, `PEER_NOT_FOUND`, or `PROPOSAL_DROPPED` for a forwarded proposal.
   */
  step(message: Message): void {
    checkMessage(message);
    if (isForgedLocal(message)) {
      throw new RaftError("LOCAL_MESSAGE", `${message.type} came from another (${message.from})`);
    }
    if (isResponse(message) && this.#raft.tracker.get(message.from) === undefined) {
      throw new RaftError("PEER_NOT_FOUND", `${message.type} of no member (${message.from})`);
    }
    this.#raft.step(message);
  }

  /** Proposes one entry; `data` belongs to the core from here. Throws `PROPOSAL_DROPPED`. */
  propose(data: Uint8Array): void {
    this.#propose([proposal("Normal", data)]);
  }

  /** Proposes several entries in one append: all or none are appended. Throws `PROPOSAL_DROPPED`. */
  proposeBatch(data: readonly Uint8Array[]): void {
    if (data.length > 0) this.#propose(data.map((one) => proposal("Normal", one)));
  }

  /**
   * Proposes a configuration change. Throws `PROPOSAL_DROPPED`, and at the leader also `CONF_CHANGE_REFUSED` with nothing
   * appended. A follower passes it on, and there a refused change becomes an empty entry: whoever needs to know puts a
   * mark into `context` and watches what is applied.
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): void {
    if (this.#raft.role === "leader") {
      requireProposals(this.#raft);
      const refusal = refusalOf(this.#raft, toConfChangeV2(change), this.#raft.pendingConfIndex);
      if (refusal !== undefined) throw new RaftError("CONF_CHANGE_REFUSED", refusal);
    }
    const { type, data } = encodeConfChange(change);
    this.#propose([proposal(type, data)]);
  }

  /**
   * Applies the change in a committed entry; returns what to store with the applied index. An embedder that decides
   * against a committed change applies one without changes instead (all members alike).
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return applyConfChange(this.#raft, toConfChangeV2(change));
  }

  /**
   * Asks for a linearizable read. Under the token returned, a later `Ready` says which index answers it; or nothing ever
   * does, and the caller asks again under a new token.
   */
  readIndex(): ReadToken {
    const readToken = this.#raft.readTokens.next();
    this.#stepLocal({ type: "ReadIndex", to: this.#id, from: this.#id, term: 0, readToken });
    return readToken;
  }

  /** Ends the lease until a new round of heartbeats renews it: call it when ticks were late, or the process slept. */
  voidLease(): void {
    this.#raft.lease.void();
  }

  /** Asks the leader, from any member, to hand over to `target`. It is given up after one election timeout. */
  transferLeadership(target: NodeId): void {
    this.#stepLocal({ type: "TransferLeader", to: this.#id, from: target, term: 0 });
  }

  /** A follower no longer counts on its leader, and votes; its election timer goes on. Not with lease reads. */
  forgetLeader(): void {
    this.#stepLocal({ type: "ForgetLeader", to: this.#id, from: this.#id, term: 0 });
  }

  /** A message to `id` could not be delivered. */
  reportUnreachable(id: NodeId): void {
    this.#stepLocal({ type: "Unreachable", to: this.#id, from: id, term: 0 });
  }

  /** How sending a snapshot to `id` ended. To be called once for each, or that member gets nothing more. */
  reportSnapshot(id: NodeId, status: "finished" | "failed"): void {
    const reject = status === "failed";
    this.#stepLocal({ type: "SnapshotStatus", to: this.#id, from: id, term: 0, reject });
  }

  /** Entries that the storage called `UNAVAILABLE` may be there: what waited for them is tried again. */
  entriesFetched(): void {
    const { log, awaitingEntries, role } = this.#raft;
    log.entriesFetched();
    const waiting = [...awaitingEntries].sort((a, b) => a - b);
    awaitingEntries.clear();
    if (role === "leader") for (const id of waiting) sendAllAppends(this.#raft, id);
  }

  /** The election timeout of the current wait, for tests and simulators; the next one is drawn at random again. */
  setElectionTimeout(ticks: number): void {
    assert(Number.isSafeInteger(ticks) && ticks > 0, `election timeout (${ticks})`);
    this.#raft.electionTimeout = ticks;
  }

  hasReady(): boolean {
    const raft = this.#raft;
    if (raft.messages.length > 0 || raft.messagesAfterAppend.length > 0) return true;
    if (raft.log.unstable.hasNextEntries() || raft.log.unstable.hasNextSnapshot()) return true;
    if (raft.log.hasNextCommittedEntries(!this.#async) || raft.readStates.length > 0) return true;
    return this.#newSoftState() !== undefined || this.#newHardState() !== undefined;
  }

  /**
   * Takes everything that is due. In synchronous mode it must be handled and `advance` called before the next one; in
   * asynchronous mode several may be in progress.
   */
  ready(): Ready {
    assert(!this.#accepted, "ready called again before advance");
    const raft = this.#raft;
    const { unstable } = raft.log;
    const entries = unstable.nextEntries();
    const committedEntries = raft.log.nextCommittedEntries(!this.#async);
    const softState = this.#newSoftState();
    const hardState = this.#newHardState();
    const snapshot = unstable.hasNextSnapshot() ? unstable.snapshot : undefined;
    const mustSync =
      entries.length > 0 ||
      raft.vote !== this.#hardState.vote ||
      raft.term !== this.#hardState.term;
    const ready: Ready = {
      ...(softState && { softState }),
      ...(hardState && { hardState }),
      readStates: raft.readStates,
      entries,
      ...(snapshot && { snapshot }),
      committedEntries,
      messages: raft.messages,
      mustSync,
    };
    if (this.#async) this.#addStorageMessages(ready);
    else this.#holdBack(ready);
    this.#accept(ready);
    return ready;
  }

  /** Everything in the last `Ready` is written and applied. Synchronous mode only. */
  advance(): void {
    assert(!this.#async, "advance in asynchronous mode");
    const steps = this.#onAdvance;
    this.#onAdvance = [];
    this.#accepted = false;
    for (const message of steps) this.#raft.step(message);
  }

  status(): Status {
    return statusOf(this.#raft);
  }

  basicStatus(): BasicStatus {
    return basicStatusOf(this.#raft);
  }

  get #id(): NodeId {
    return this.#raft.id;
  }

  #stepLocal(message: Message): void {
    checkMessage(message);
    this.#raft.step(message);
  }

  #propose(entries: readonly Entry[]): void {
    this.#stepLocal({ type: "Propose", to: this.#id, from: this.#id, term: 0, entries });
  }

  #newSoftState(): SoftState | undefined {
    const { leader, role } = this.#raft;
    if (leader === this.#softState.leader && role === this.#softState.role) return undefined;
    return { leader, role };
  }

  #newHardState(): HardState | undefined {
    const { term, vote, log } = this.#raft;
    const { term: oldTerm, vote: oldVote, commit: oldCommit } = this.#hardState;
    if (term === oldTerm && vote === oldVote && log.committed === oldCommit) return undefined;
    return { term, vote, commit: log.committed };
  }

  #addStorageMessages(ready: Ready): void {
    const raft = this.#raft;
    const { entries, hardState, snapshot, committedEntries } = ready;
    const append = storageAppendOf(raft, { entries, hardState, snapshot });
    if (append !== undefined) raft.messages.push(append);
    if (committedEntries.length > 0) raft.messages.push(storageApplyOf(raft, committedEntries));
  }

  /** The write happens before anything is sent, so promises to others may go along; those to oneself wait for `advance`. */
  #holdBack(ready: Ready): void {
    const raft = this.#raft;
    const { entries, hardState, snapshot, committedEntries } = ready;
    for (const message of raft.messagesAfterAppend) {
      if (message.to === raft.id) this.#onAdvance.push(message);
      else raft.messages.push(message);
    }
    const response = storageAppendResponseOf(raft, { entries, hardState, snapshot });
    if (response !== undefined) this.#onAdvance.push(response);
    if (committedEntries.length > 0) {
      this.#onAdvance.push(storageApplyResponseOf(raft, committedEntries));
    }
    this.#accepted = true;
  }

  #accept({ softState, hardState, committedEntries }: Ready): void {
    const raft = this.#raft;
    if (softState !== undefined) this.#softState = softState;
    if (hardState !== undefined) this.#hardState = hardState;
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.readStates = [];
    raft.log.unstable.acceptInProgress();
    if (committedEntries.length > 0) raft.log.acceptApplying(committedEntries, !this.#async);
  }
}

function proposal(type: EntryType, data: Uint8Array): Entry {
  return { type, term: 0, index: 0, data };
}
