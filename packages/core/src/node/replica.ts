import {
  RaftError,
  RawNode,
  type ConfChangeV2,
  type Entry,
  type InstallSnapshot,
  type LogStorage,
  type Message,
  type NodeId,
  type Propose,
  type Ready,
  type Role,
  type Status,
  type StorageAppend,
  type StorageApply,
} from "raft-ts-lite";
import type { Platform } from "@holdfast/platform";
import type { ResolvedSettings } from "../config/settings.ts";
import { assert, HoldfastError } from "../errors.ts";
import { type Command, countBatches, openBatches } from "../format/sealed-batch.ts";
import { sealEntry, sealOf, stampOf } from "../format/sealed-entry.ts";
import type { GroupLog } from "../log/group-log.ts";
import type { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { AppliedState, CommandResult, StateMachine } from "../machine/state-machine.ts";
import { openCommitted, type OpenedEntry } from "./committed-entries.ts";
import { compactionTarget } from "./compaction.ts";
import { decodeMemberContext } from "./member-context.ts";
import { ProposalQueue, type ProposalSink } from "./proposal-queue.ts";
import { ReadQueue } from "./read-queue.ts";
import type { PreparedStore, StoreSlot } from "./store-slot.ts";

/** Where a replica stands; the part of {@link AppliedState} that it follows along. */
export type ReplicaApplied = Omit<AppliedState, "stateHash">;

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
  send(to: NodeId, message: Message): void;
  /** A follower needs a snapshot: stream the state, then report. */
  sendSnapshot(message: InstallSnapshot): void;
  /** The applied configuration changed. */
  membersChanged(applied: ReplicaApplied): void;
  leaderChanged(leader: NodeId, role: Role, term: number): void;
  /** The replica can go no further without breaking a promise. Called once. */
  failed(error: HoldfastError): void;
}

/** How many entries without commands are remembered; one per change of leader or configuration, for as long as a read takes. */
const MAX_WITHOUT_COMMANDS = 32;

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
  readonly #changes = new Map<number, (error: HoldfastError | undefined) => void>();
  readonly #changeDeadlines = new Map<number, number>();
  #changeSequence = 0;
  #applied: ReplicaApplied;
  #lastLogTime: number;
  #scheduled = false;
  #stopped: HoldfastError | undefined;
  #leader: NodeId = 0;
  #role: Role = "follower";
  /** Applies, store switches and checkpoints, one after the other. */
  #applying: Promise<void> = Promise.resolve();
  /** Set while a snapshot is being switched in: later appends wait, because they must reach the log after it. */
  #switching: Promise<void> | undefined;
  #prepared: { readonly index: number; readonly store: PreparedStore<Machine> } | undefined;
  #sinceCheckpoint = { entries: 0, bytes: 0 };
  #checkpointing = false;
  #fetching = false;
  /** Indexes of the newest applied entries without commands, which leave the state as it was. */
  #withoutCommands: number[] = [];
  readonly #appliedListeners = new Set<(index: number) => void>();

  constructor(options: ReplicaOptions<Machine>) {
    const { id, life, settings, wal, group, applied } = options;
    this.#options = options;
    this.#applied = applied;
    this.#lastLogTime = options.lastLogTime;
    this.#log = wal.group(group);
    this.#log.snapshotProvider = () => ({
      metadata: {
        index: this.#applied.index,
        term: this.#applied.term,
        confState: this.#applied.confState,
      },
      data: new Uint8Array(0),
    });
    this.#proposals = new ProposalQueue({
      origin: { node: id, incarnation: life },
      batchSize: settings.replication.batchSize,
      entryBytes: settings.raft.maxAppendBytes,
      maxPendingBytes: settings.limits.maxPendingBytes,
    });
    this.#raft = new RawNode(coreConfig(options, this.#log));
    const { voters } = applied.confState;
    // Nobody else can hold an election, so there is nobody to wait for.
    if (voters.length === 1 && voters[0] === id) this.#raft.campaign();
    this.#schedule();
  }

  get applied(): ReplicaApplied {
    return this.#applied;
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

  status(): Status {
    return this.#raft.status();
  }

  /** Calls `listener` with the new applied index after every apply. Returns the way to end that. */
  onApplied(listener: (index: number) => void): () => void {
    this.#appliedListeners.add(listener);
    return () => this.#appliedListeners.delete(listener);
  }

  // What goes in.

  tick(ticks: number): void {
    if (this.#stopped !== undefined) return;
    for (let i = 0; i < ticks; i++) this.#raft.tick();
    const now = this.#options.platform.clock.now();
    this.#proposals.expire(now);
    this.#reads.expire(now, this.#options.settings.raft.electionMinMs);
    this.#expireChanges(now);
    this.#schedule();
  }

  receive(messages: readonly Message[]): void {
    if (this.#stopped !== undefined) return;
    this.#guard(() => {
      for (const message of messages) this.#receiveOne(message);
    });
    this.#schedule();
  }

  #receiveOne(message: Message): void {
    // A snapshot comes with its state, on a stream; without it the message promises what is not here.
    if (message.type === "InstallSnapshot") return;
    if (message.type === "Propose") this.#acceptForwarded(message);
    else this.#raft.step(message);
  }

  /** Batches of another member, meant for the leader of one term. In any other term they may have been handed over again. */
  #acceptForwarded({ term, entries }: Propose): void {
    for (const { data } of entries) {
      // Damaged on its way: dropped like a lost message, before it can reach a log.
      if (isSound(data)) this.#proposals.addForeign(data, term);
    }
  }

  propose(command: Command): Promise<CommandResult> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const deadline = this.#options.platform.clock.now() + this.#options.settings.timeouts.proposalMs;
    const result = this.#proposals.add(command, deadline);
    this.#schedule();
    return result;
  }

  /** Resolves with the read index once the local state holds it. */
  readIndex(): Promise<number> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    const deadline = this.#options.platform.clock.now() + this.#options.settings.timeouts.readMs;
    const index = this.#reads.add(deadline);
    this.#schedule();
    return index;
  }

  /**
   * The last entry up to the applied `index` that can have changed the state: a view of the state at that entry is one at `index`, too. Without this the
   * first entry of a new leader would make every open view look old.
   */
  lastCommandIndex(index: number): number {
    let last = index;
    while (this.#withoutCommands.includes(last)) last -= 1;
    return last;
  }

  /** Proposes a change of members; `context` is called with the number that the change is recognised by. Resolves when it is applied here. */
  changeMembers(makeChange: (sequence: number) => ConfChangeV2): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    this.#changeSequence += 1;
    const sequence = this.#changeSequence;
    const { clock } = this.#options.platform;
    return new Promise((resolve, reject) => {
      try {
        this.#raft.proposeConfChange(makeChange(sequence));
      } catch (error) {
        reject(new HoldfastError("MEMBERSHIP", refusal(error), { cause: error }));
        return;
      }
      this.#changes.set(sequence, (error) => {
        this.#changes.delete(sequence);
        this.#changeDeadlines.delete(sequence);
        if (error === undefined) resolve();
        else reject(error);
      });
      const { proposalMs } = this.#options.settings.timeouts;
      this.#changeDeadlines.set(sequence, clock.now() + proposalMs);
      this.#schedule();
    });
  }

  /** Asks for votes now instead of after a timeout. */
  campaignUnlessLed(): void {
    if (this.#stopped !== undefined || this.#leader !== 0) return;
    this.#guard(() => {
      this.#raft.campaign();
    });
    this.#schedule();
  }

  transferLeadership(target: NodeId): void {
    this.#guard(() => {
      this.#raft.transferLeadership(target);
    });
    this.#schedule();
  }

  reportUnreachable(id: NodeId): void {
    if (this.#stopped !== undefined) return;
    this.#guard(() => {
      this.#raft.reportUnreachable(id);
    });
    this.#schedule();
  }

  reportSnapshot(id: NodeId, status: "finished" | "failed"): void {
    if (this.#stopped !== undefined) return;
    this.#guard(() => {
      this.#raft.reportSnapshot(id, status);
    });
    this.#schedule();
  }

  /**
   * Offers a received snapshot whose state is complete and durable in `store`. Resolves once it is switched in, or discarded because the
   * log was already beyond it.
   */
  async installSnapshot(message: InstallSnapshot, store: PreparedStore<Machine>): Promise<boolean> {
    assert(this.#prepared === undefined, "two snapshots are installed at once");
    if (this.#stopped !== undefined) throw this.#stopped;
    const { index } = message.snapshot.metadata;
    this.#prepared = { index, store };
    this.#guard(() => {
      this.#raft.step(message);
      this.#process();
    });
    await this.#switching;
    const taken = this.#applied.index >= index && this.#prepared === undefined;
    if (!taken) await this.#options.slot.discard(store);
    this.#prepared = undefined;
    return taken;
  }

  /** Settles everything that waits, waits for what runs, and does nothing more. */
  async stop(error: HoldfastError): Promise<void> {
    this.#halt(error);
    await this.#switching?.catch(ignore);
    await this.#applying.catch(ignore);
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
    if (this.#reads.hasWork) {
      this.#reads.flush(() => this.#raft.readIndex(), this.#options.platform.clock.now());
    }
    while (this.#raft.hasReady()) this.#handle(this.#raft.ready());
    if (this.#log.wanted && !this.#fetching) void this.#fetch();
  }

  #sink(): ProposalSink | undefined {
    const { term, leader } = this.#raft.basicStatus();
    const { id, handlers } = this.#options;
    if (leader === 0) return undefined;
    if (leader === id) return { term, leads: true, hand: (data) => this.#proposeNow(data) };
    const hand = (data: Uint8Array): boolean => {
      const entry: Entry = { type: "Normal", term: 0, index: 0, data };
      handlers.send(leader, { type: "Propose", from: id, to: leader, term, entries: [entry] });
      return true;
    };
    return { term, leads: false, hand };
  }

  #proposeNow(data: Uint8Array): boolean {
    try {
      this.#raft.propose(data);
      return true;
    } catch (error) {
      if (error instanceof RaftError && error.code === "PROPOSAL_DROPPED") return false;
      throw error;
    }
  }

  #handle(ready: Ready): void {
    if (ready.softState !== undefined) this.#observe(ready.softState.leader, ready.softState.role);
    for (const { token, index } of ready.readStates) {
      this.#reads.confirmed(token, index, this.#applied.index);
    }
    for (const message of ready.messages) {
      switch (message.type) {
        case "StorageAppend":
          this.#append(message);
          break;
        case "StorageApply":
          this.#enqueueApply(message);
          break;
        case "InstallSnapshot":
          this.#options.handlers.sendSnapshot(message);
          break;
        case "AppendEntries":
          this.#seal(message.entries);
          this.#options.handlers.send(message.to, message);
          break;
        // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- all others leave as they are
        default:
          this.#options.handlers.send(message.to, message);
      }
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
      this.#reads.expire(this.#options.platform.clock.now(), 0);
      this.#schedule();
    }
  }

  /** The leader stamps its new entries, once; everybody else's carry their seal already. */
  #seal(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const sealed = sealOf(entry);
      if (sealed !== undefined) {
        this.#lastLogTime = Math.max(this.#lastLogTime, stampOf(sealed).logTime);
        continue;
      }
      const wall = Math.floor(this.#options.platform.clock.wallTime());
      this.#lastLogTime = Math.max(this.#lastLogTime, wall);
      const batches = entry.type === "Normal" ? countBatches(entry.data) : 0;
      sealEntry(entry, { logTime: this.#lastLogTime, epoch: 0, batches });
    }
  }

  #append(message: StorageAppend): void {
    this.#seal(message.entries);
    if (message.snapshot !== undefined) {
      this.#switching = this.#switchIn(message);
      return;
    }
    if (this.#switching !== undefined) {
      this.#switching = this.#switching.then(() => this.#write(message));
      this.#watch(this.#switching);
      return;
    }
    this.#watch(this.#write(message));
  }

  async #write({ entries, hardState, snapshot, responses }: StorageAppend): Promise<void> {
    await this.#options.wal.append({
      group: this.#options.group,
      entries,
      ...(hardState === undefined ? {} : { hardState }),
      ...(snapshot === undefined ? {} : { snapshot: snapshot.metadata }),
    });
    this.#deliver(responses);
  }

  /**
   * The new state first, the log second: a crash in between leaves a state ahead of the log, which the next open takes for a snapshot; the
   * other order would leave a log that begins beyond the state.
   */
  #switchIn(message: StorageAppend): Promise<void> {
    const run = this.#applying.then(async () => {
      const prepared = this.#prepared;
      const metadata = message.snapshot?.metadata;
      assert(prepared !== undefined && prepared.index === metadata?.index, "snapshot without state");
      await this.#options.slot.switchTo(prepared.store);
      this.#applied = prepared.store.machine.applied();
      this.#prepared = undefined;
      this.#proposals.settleSnapshot();
      this.#options.handlers.membersChanged(this.#applied);
      await this.#write(message);
      this.#reads.advance(this.#applied.index);
      this.#announce();
    });
    this.#applying = run;
    const done = run.finally(() => {
      if (this.#switching === done) this.#switching = undefined;
    });
    this.#watch(done);
    return done;
  }

  #deliver(responses: readonly Message[]): void {
    if (this.#stopped !== undefined) return;
    for (const response of responses) {
      if (response.to === this.#options.id) this.#raft.step(response);
      else this.#options.handlers.send(response.to, response);
    }
    this.#schedule();
  }

  #enqueueApply(message: StorageApply): void {
    this.#applying = this.#applying.then(async () => {
      if (this.#stopped !== undefined) return;
      await this.#apply(message.entries);
      this.#deliver(message.responses);
      this.#maybeCheckpoint();
    });
    this.#watch(this.#applying);
  }

  async #apply(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return;
    let { members } = this.#applied;
    const opened = entries.map((entry) => {
      this.#sinceCheckpoint.entries += 1;
      this.#sinceCheckpoint.bytes += entry.data.length;
      const one = openCommitted(entry, (change) => this.#raft.applyConfChange(change), members);
      members = one.committed.configuration?.members ?? members;
      return one;
    });
    const results = await this.#options.slot.machine.apply(opened.map((one) => one.committed));
    assert(results.length === opened.length, "state machine answered for another number of entries");
    opened.forEach((one, i) => {
      this.#settle(one, results[i] ?? []);
    });
    this.#reads.advance(this.#applied.index);
    this.#announce();
  }

  #settle({ committed, spans, change }: OpenedEntry, results: readonly CommandResult[]): void {
    const { index, term, logTime, epoch, configuration } = committed;
    this.#applied = { ...(configuration ?? this.#applied), index, term, logTime, epoch } as ReplicaApplied;
    if (committed.commands.length === 0) {
      this.#withoutCommands = [...this.#withoutCommands.slice(-MAX_WITHOUT_COMMANDS), index];
    }
    const { id, life } = this.#options;
    for (const { origin, from, to } of spans) {
      if (origin.node === id && origin.incarnation === life) {
        this.#proposals.settleApplied(origin.sequence, results.slice(from, to));
      }
    }
    this.#proposals.reclaim(term);
    if (configuration === undefined || change === undefined) return;
    this.#options.handlers.membersChanged(this.#applied);
    const mine = decodeMemberContext(change.context)?.origin;
    if (mine?.node === id && mine.incarnation === life) this.#changes.get(mine.sequence)?.(undefined);
  }

  #announce(): void {
    for (const listener of [...this.#appliedListeners]) listener(this.#applied.index);
  }

  #maybeCheckpoint(): void {
    const { snapshotThreshold, snapshotBytes } = this.#options.settings.checkpoint;
    const { entries, bytes } = this.#sinceCheckpoint;
    if (this.#checkpointing || (entries < snapshotThreshold && bytes < snapshotBytes)) return;
    this.#checkpointing = true;
    this.#sinceCheckpoint = { entries: 0, bytes: 0 };
    this.#watch(this.#checkpoint());
  }

  async #checkpoint(): Promise<void> {
    const checkpoint = await this.#options.slot.machine.checkpoint();
    this.#checkpointing = false;
    if (this.#stopped !== undefined) return;
    const { log, checkpoint: settings } = this.#options.settings;
    const target = compactionTarget({
      checkpoint,
      overhead: settings.compactionOverhead,
      firstIndex: this.#log.firstIndex(),
      retainBytes: log.retainBytes,
      followers: this.#activeMatches(),
      retainForFollowersBytes: log.retainForFollowersBytes,
      bytesFrom: (index) => this.#log.bytesFrom(index),
    });
    if (target >= this.#log.firstIndex()) this.#options.wal.compact(this.#options.group, target);
  }

  #activeMatches(): readonly number[] {
    const { progress } = this.#raft.status();
    return [...progress].flatMap(([id, { recentActive, match }]) =>
      id !== this.#options.id && recentActive ? [match] : [],
    );
  }

  async #fetch(): Promise<void> {
    this.#fetching = true;
    try {
      await this.#log.fetch();
      if (this.#stopped === undefined) this.#guard(() => this.#raft.entriesFetched());
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#fetching = false;
    }
    this.#schedule();
  }

  #expireChanges(now: number): void {
    for (const [sequence, deadline] of this.#changeDeadlines) {
      if (deadline > now) break;
      const message = "the change of members was not applied before the deadline; look at members.list() before repeating it";
      this.#changes.get(sequence)?.(new HoldfastError("UNKNOWN", message));
    }
  }

  // Ends.

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
      new HoldfastError("UNKNOWN", `${error.message}; the command may have taken effect`, { cause: error });
    this.#proposals.failAll(() => error, open);
    this.#reads.failAll(() => error);
    for (const settle of [...this.#changes.values()]) settle(open());
  }
}

function coreConfig<Machine extends StateMachine>(
  { id, life, settings, tickMs, platform, applied }: ReplicaOptions<Machine>,
  log: GroupLog,
): ConstructorParameters<typeof RawNode>[0] {
  const { raft } = settings;
  // The configuration is that of the applied state, not the one last written to the log.
  const storage: LogStorage = {
    initialState: () => ({ hardState: log.initialState().hardState, confState: applied.confState }),
    entries: (lo, hi, maxBytes) => log.entries(lo, hi, maxBytes),
    term: (index) => log.term(index),
    firstIndex: () => log.firstIndex(),
    lastIndex: () => log.lastIndex(),
    snapshot: () => log.snapshot(),
  };
  return {
    id,
    storage,
    applied: applied.index,
    incarnation: life,
    random: platform.random,
    asyncStorageWrites: true,
    electionTicks: Math.ceil(raft.electionMinMs / tickMs),
    maxElectionTicks: Math.ceil(raft.electionMaxMs / tickMs),
    heartbeatTicks: Math.max(1, Math.floor(raft.heartbeatMs / tickMs)),
    maxMessageBytes: raft.maxAppendBytes,
    maxEntriesPerMessage: raft.maxAppendEntries,
    maxCommittedBytesPerReady: 8 * 1_048_576,
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

function refusal(error: unknown): string {
  return `the change of members was refused: ${messageOf(error)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isSound(payload: Uint8Array): boolean {
  try {
    openBatches(payload, true);
    return true;
  } catch {
    return false;
  }
}

function ignore(): void {
  // Reported where it happened.
}
