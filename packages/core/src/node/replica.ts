import {
  type Inspection,
  RawNode,
  type ConfChangeV2,
  type Entry,
  type InstallSnapshot,
  type Message,
  type NodeId,
  type Propose,
  type Ready,
  type Role,
  type Status,
  type StorageApply,
} from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import { areSound, type Command } from "../format/sealed-batch.ts";
import type { GroupLog } from "../log/group-log.ts";
import type { CommandResult, StateMachine } from "../machine/state-machine.ts";
import { AppendThread } from "./append-thread.ts";
import { Applier, type ReplicaApplied } from "./applier.ts";
import { ChangeQueue } from "./change-queue.ts";
import { Checkpointer } from "./checkpointer.ts";
import { coreConfig } from "./core-config.ts";
import { EntrySealer } from "./entry-sealer.ts";
import { EntryFetcher } from "./entry-fetcher.ts";
import { Hearing } from "./hearing.ts";
import { holdVoteRequests } from "./held-votes.ts";
import { decodeMemberContext } from "./member-context.ts";
import { type PlacedResult, ProposalQueue, type ProposalSink } from "./proposal-queue.ts";
import { changeOverdue, isRaftError, messageOf, refusal } from "./replica-errors.ts";
import { ReadQueue } from "./read-queue.ts";
import type { ReplicaOptions } from "./replica-options.ts";
import type { PreparedStore } from "./store-slot.ts";

/** What a frame, a message, an entry and a batch add to the command that they carry, and more. */
const FRAME_ROOM_BYTES = 1_024;

/**
 * Drives one group's core: what happened goes in during a turn, one `#process` at its end hands out what follows. The core decides,
 * synchronously; the log, the state machine and the transport act.
 */
export class Replica<Machine extends StateMachine> {
  readonly #options: ReplicaOptions<Machine>;
  readonly #raft: RawNode;
  readonly #log: GroupLog;
  readonly #proposals: ProposalQueue;
  readonly #reads = new ReadQueue();
  readonly #sealer: EntrySealer;
  readonly #checkpointer: Checkpointer;
  readonly #changes = new ChangeQueue();
  readonly #hearing: Hearing;
  #scheduled = false;
  /**
   * The leader to which there is no connection: nothing is forwarded to it before the next tick. Every attempt that fails is reported to the core in a turn
   * of its own, whose end would be the next attempt: the event loop would do nothing else.
   */
  #unreached: NodeId = 0;
  #stopped: HoldfastError | undefined;
  #leader: NodeId = 0;
  #role: Role = "follower";
  readonly #fetcher: EntryFetcher;
  readonly #applier: Applier<Machine>;
  readonly #appends: AppendThread<Machine>;

  constructor(options: ReplicaOptions<Machine>) {
    const { id, life, settings, wal, group, applied, platform, tickMs } = options;
    this.#options = options;
    this.#sealer = new EntrySealer(options.lastLogTime, () => platform.clock.wallTime());
    this.#hearing = new Hearing(platform.clock, settings.raft.electionMaxMs);
    this.#log = wal.group(group);
    this.#log.snapshotProvider = () => ({
      metadata: {
        index: this.applied.index,
        term: this.applied.term,
        confState: this.applied.confState,
      },
      data: new Uint8Array(0),
    });
    this.#proposals = new ProposalQueue({
      origin: { node: id, incarnation: life },
      batchSize: settings.replication.batchSize,
      entryBytes: settings.raft.maxAppendBytes,
      maxPendingBytes: settings.limits.maxPendingBytes,
      maxCommandBytes: settings.transport.maxFrameBytes - FRAME_ROOM_BYTES,
    });
    this.#raft = new RawNode(
      coreConfig({ id, life, settings, tickMs, platform, log: this.#log, applied }),
    );
    this.#fetcher = new EntryFetcher(this.#log, {
      fetched: () => {
        this.#act(() => this.#raft.entriesFetched());
      },
      failed: (error) => {
        this.#fail(error);
      },
    });
    this.#checkpointer = new Checkpointer({
      settings,
      checkpoint: () => options.slot.checkpoint(),
      log: this.#log,
      followers: () => this.#activeMatches(),
      compact: (index) => {
        wal.compact(group, index);
      },
    });
    this.#applier = this.#makeApplier(options);
    this.#appends = this.#makeAppendThread(options);
    const { voters } = applied.confState;
    // Nobody else can hold an election, so there is nobody to wait for.
    if (voters.length === 1 && voters[0] === id) this.#raft.campaign();
    this.#schedule();
  }

  #makeApplier(options: ReplicaOptions<Machine>): Applier<Machine> {
    const applier = new Applier<Machine>({
      slot: options.slot,
      applied: options.applied,
      applyChange: (change) => this.#raft.applyConfChange(change),
      settleBatch: (origin, results, index, first) => {
        if (!this.#isMine(origin)) return;
        this.#proposals.settleApplied(origin.sequence, results, index, first);
      },
      settleTerm: (term) => {
        this.#proposals.reclaim(term);
      },
      settleChange: (change, after) => {
        options.handlers.membersChanged(after);
        const origin = decodeMemberContext(change.context)?.origin;
        if (origin !== undefined && this.#isMine(origin)) this.#changes.applied(origin.sequence);
      },
    });
    applier.onApplied((index) => {
      this.#reads.advance(index);
    });
    return applier;
  }

  #makeAppendThread(options: ReplicaOptions<Machine>): AppendThread<Machine> {
    return new AppendThread({
      group: options.group,
      wal: options.wal,
      slot: options.slot,
      sealer: this.#sealer,
      applier: this.#applier,
      switched: () => {
        this.#proposals.settleSnapshot();
        options.handlers.membersChanged(this.applied);
      },
      deliver: (responses) => {
        this.#deliver(responses);
      },
      failed: (error) => {
        this.#fail(error);
      },
    });
  }

  get applied(): ReplicaApplied {
    return this.#applier.applied;
  }

  get leader(): NodeId {
    return this.#leader;
  }

  get log(): GroupLog {
    return this.#log;
  }

  get pendingBytes(): number {
    return this.#proposals.pendingBytes;
  }

  /** The core's inside. */
  get inspection(): Inspection {
    return this.#raft.inspection;
  }

  status(): Status {
    return this.#raft.status();
  }

  /** Whether another member was heard within the longest election timeout. */
  isAlive(id: NodeId): boolean {
    return this.#hearing.isAlive(id);
  }

  /** Calls `listener` with the new applied index after every apply. Returns the way to end that. */
  onApplied(listener: (index: number) => void): () => void {
    return this.#applier.onApplied(listener);
  }

  // What goes in.

  tick(ticks: number): void {
    if (this.#stopped !== undefined) return;
    this.#unreached = 0;
    this.#guard(() => {
      for (let i = 0; i < ticks; i++) this.#raft.tick();
      const now = this.#now();
      this.#proposals.expire(now);
      this.#reads.expire(now, this.#options.settings.raft.electionMinMs);
      this.#changes.expire(now, changeOverdue);
    });
    // Most ticks of a quiet group leave nothing to do.
    if (this.#proposals.hasWork || this.#reads.hasWork || this.#raft.hasReady()) this.#schedule();
  }

  receive(messages: readonly Message[]): void {
    this.#act(() => {
      for (const message of messages) this.#receiveOne(message);
    });
  }

  #receiveOne(message: Message): void {
    // A snapshot comes with its state, on a stream; without it the message promises what is not here.
    if (message.type === "InstallSnapshot") return;
    if (message.type === "Propose") this.#acceptForwarded(message);
    else this.#step(message);
  }

  #step(message: Message): void {
    this.#hearing.heard(message.from);
    this.#stepOrDrop(message);
  }

  #stepOrDrop(message: Message): void {
    try {
      this.#raft.step(message);
    } catch (error) {
      // An answer of somebody who was removed meanwhile, perhaps this node's to itself.
      if (!isRaftError(error, "PEER_NOT_FOUND")) throw error;
    }
  }

  /** Batches of another member, meant for the leader of one term. In any other term they may have been handed over again. */
  #acceptForwarded({ term, entries }: Propose): void {
    for (const { data } of entries) {
      // Damaged on its way: dropped like a lost message, before it can reach a log.
      if (areSound(data)) this.#proposals.addForeign(data, term);
    }
  }

  #deadline(timeout: "proposalMs" | "readMs"): number {
    return this.#now() + this.#options.settings.timeouts[timeout];
  }

  #now(): number {
    return this.#options.platform.clock.now();
  }

  propose(command: Command): Promise<CommandResult> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const result = this.#proposals.add(command, this.#deadline("proposalMs"));
    this.#schedule();
    return result;
  }

  /** As {@link Replica.propose}, with the place of the command. */
  proposePlaced(command: Command): Promise<PlacedResult> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const result = this.#proposals.addPlaced(command, this.#deadline("proposalMs"));
    this.#schedule();
    return result;
  }

  /** Resolves with the read index once the local state holds it. */
  readIndex(): Promise<number> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const index = this.#reads.add(this.#deadline("readMs"));
    this.#schedule();
    return index;
  }

  /**
   * The node is about to be closed. Reads that began before that are to be answered, as abstract-level demands, but not to hold up the
   * closing: a quorum that has not confirmed them within an election timeout is not there.
   */
  endReads(): void {
    this.#reads.closeAt(this.#now() + this.#options.settings.raft.electionMinMs);
  }

  /** See {@link Applier.lastCommandIndex}. */
  lastCommandIndex(index: number): number {
    return this.#applier.lastCommandIndex(index);
  }

  /** Proposes a change of members; `context` is called with the number that the change is recognised by. Resolves when it is applied here. */
  async changeMembers(makeChange: (sequence: number) => ConfChangeV2): Promise<void> {
    if (this.#stopped !== undefined) throw this.#stopped;
    const sequence = this.#changes.next();
    try {
      this.#raft.proposeConfChange(makeChange(sequence));
    } catch (error) {
      throw new HoldfastError("MEMBERSHIP", refusal(error), { cause: error });
    }
    this.#schedule();
    await this.#changes.add(sequence, this.#deadline("proposalMs"));
  }

  /** Asks for votes now instead of after a timeout. */
  campaignUnlessLed(): void {
    if (this.#leader !== 0) return;
    this.#act(() => {
      this.#raft.campaign();
    });
  }

  transferLeadership(target: NodeId): void {
    this.#act(() => {
      this.#raft.transferLeadership(target);
    });
  }

  reportUnreachable(id: NodeId): void {
    this.#act(() => {
      this.#raft.reportUnreachable(id);
    });
  }

  reportSnapshot(id: NodeId, status: "finished" | "failed"): void {
    this.#act(() => {
      this.#raft.reportSnapshot(id, status);
    });
  }

  /**
   * Offers a received snapshot whose state is complete and durable in `store`. Resolves once it is switched in, or discarded because the
   * log was already beyond it.
   */
  async installSnapshot(message: InstallSnapshot, store: PreparedStore<Machine>): Promise<boolean> {
    if (this.#stopped !== undefined) {
      await this.#options.slot.discard(store);
      throw this.#stopped;
    }
    return await this.#appends.install(message, store, () => {
      this.#guard(() => {
        this.#raft.step(message);
        this.#process();
      });
    });
  }

  /** Settles everything that waits, waits for what runs, and does nothing more. */
  async stop(error: HoldfastError): Promise<void> {
    this.#halt(error);
    await this.#appends.idle();
    await this.#applier.idle();
  }

  // What comes out.

  #schedule(): void {
    if (this.#scheduled || this.#stopped !== undefined) return;
    this.#scheduled = true;
    this.#options.platform.scheduler.endOfTurn(() => {
      this.#scheduled = false;
      if (this.#stopped === undefined) this.#guard(() => this.#process());
    });
  }

  #process(): void {
    this.#proposals.flush(this.#sink());
    if (this.#reads.hasWork) this.#reads.flush(() => this.#raft.readIndex(), this.#now());
    while (this.#raft.hasReady()) this.#handle(this.#raft.ready());
    this.#options.handlers.flush();
    this.#fetcher.runIfWanted();
  }

  #sink(): ProposalSink | undefined {
    const { term, leader } = this.#raft.basicStatus();
    const { id, handlers } = this.#options;
    if (leader === 0 || this.#unreached === leader) return undefined;
    if (leader === id) return { term, leads: true, hand: (data) => this.#proposeNow(data) };
    const hand = (data: Uint8Array): boolean => {
      const entries: readonly Entry[] = [{ type: "Normal", term: 0, index: 0, data }];
      if (handlers.send(leader, { type: "Propose", from: id, to: leader, term, entries }))
        return true;
      this.#unreached = leader;
      return false;
    };
    return { term, leads: false, hand };
  }

  #proposeNow(data: Uint8Array): boolean {
    try {
      this.#raft.propose(data);
      return true;
    } catch (error) {
      if (isRaftError(error, "PROPOSAL_DROPPED")) return false;
      throw error;
    }
  }

  #handle(ready: Ready): void {
    if (ready.softState !== undefined) this.#observe(ready.softState.leader, ready.softState.role);
    for (const { token, index } of ready.readStates) {
      this.#reads.confirmed(token, index, this.applied.index);
    }
    for (const message of holdVoteRequests(ready.messages)) this.#emit(message);
  }

  #emit(message: Message): void {
    if (message.type === "StorageAppend") this.#appends.append(message);
    else if (message.type === "StorageApply") this.#watch(this.#apply(message));
    else if (message.type === "InstallSnapshot") this.#options.handlers.sendSnapshot(message);
    else {
      if (message.type === "AppendEntries") this.#sealer.seal(message.entries);
      this.#options.handlers.send(message.to, message);
    }
  }

  #observe(leader: NodeId, role: Role): void {
    const changed = leader !== this.#leader || role !== this.#role;
    this.#leader = leader;
    this.#role = role;
    if (!changed) return;
    this.#options.handlers.leaderChanged(leader, role, this.#raft.basicStatus().term);
    if (leader !== 0) {
      // What was sent to the leader before may be lost, and nobody says so: ask the new one.
      this.#reads.expire(this.#now(), 0);
      this.#schedule();
    }
  }

  #deliver(responses: readonly Message[]): void {
    if (this.#stopped !== undefined) return;
    for (const response of responses) {
      if (response.to === this.#options.id) this.#stepOrDrop(response);
      else this.#options.handlers.send(response.to, response);
    }
    this.#schedule();
  }

  async #apply({ entries, responses }: StorageApply): Promise<void> {
    for (const { data } of entries) this.#checkpointer.count(data.length);
    await this.#applier.apply(entries);
    this.#deliver(responses);
    this.#changes.settle();
    await this.#checkpointer.runIfDue();
  }

  #isMine(origin: { readonly node: NodeId; readonly incarnation: number }): boolean {
    return origin.node === this.#options.id && origin.incarnation === this.#options.life;
  }

  #activeMatches(): readonly number[] {
    const { progress } = this.#raft.status();
    return [...progress].flatMap(([id, { match }]) => (this.isAlive(id) ? [match] : []));
  }

  // Ends.

  /** Something happened to a node that goes on. */
  #act(action: () => void): void {
    if (this.#stopped !== undefined) return;
    this.#guard(action);
    this.#schedule();
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #watch(promise: Promise<void>): void {
    promise.catch((error: unknown) => {
      this.#fail(error);
    });
  }

  #fail(cause: unknown): void {
    if (this.#stopped !== undefined) return;
    const error =
      cause instanceof HoldfastError && (cause.code === "STOPPED" || cause.code === "CORRUPT")
        ? cause
        : new HoldfastError("STOPPED", `node stopped: ${messageOf(cause)}`, { cause });
    this.#halt(error);
    this.#options.handlers.failed(error);
  }

  #halt(error: HoldfastError): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = error;
    const open = (): HoldfastError =>
      new HoldfastError("UNKNOWN", `${error.message}; the command may have taken effect`, {
        cause: error,
      });
    this.#proposals.failAll(() => error, open);
    this.#reads.failAll(() => error);
    this.#changes.failAll(open);
    this.#checkpointer.stop();
  }
}
