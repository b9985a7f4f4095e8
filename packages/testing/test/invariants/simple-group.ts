import type { NodeInspection } from "@holdfast/core/inspection";
import { prng, type Random } from "@holdfast/platform";
import {
  type ConfState,
  decodeConfChange,
  type Entry,
  InvariantError,
  MemoryLogStorage,
  type Message,
  RaftError,
  RawNode,
  type Snapshot,
  type StorageAppend,
  type StorageApply,
} from "raft-ts-lite";
import { allInvariants } from "../../src/invariants/all.ts";
import { InvariantViolation, type NodeView } from "../../src/invariants/invariant.ts";

/** A bug of the embedder, put into a run to see it found. */
export type Bug =
  /** Acknowledgements do not wait for the disk. */
  | "early-acknowledgement"
  /** Votes do not wait for the disk. */
  | "early-vote"
  /** Requests for votes do not wait for the disk. */
  | "early-request"
  /** A restart forgets whom the node voted for. */
  | "forgotten-vote"
  /** A restart loses the last entry that was synced. */
  | "lost-entry"
  /** A restart finds an empty disk, and the node goes on under its old name. */
  | "lost-disk"
  /** A received snapshot does not bring its state. */
  | "snapshot-without-state"
  /** A received snapshot does not wait for what is still to be applied. */
  | "overtaking-snapshot"
  /** Node 2 applies every seventh entry twice. */
  | "applied-twice";

interface State {
  readonly index: number;
  readonly term: number;
  readonly hash: number;
  readonly confState: ConfState;
}

const MEMBERS = [1, 2, 3];
const MAX_ID = 5;
const BEGINNING: ConfState = {
  voters: MEMBERS,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** One member: the core over the simplest storage, whose writes and applies a schedule carries out one by one. */
class SimpleNode implements NodeView {
  readonly id: number;
  readonly #random: Random;
  readonly #bug: Bug | undefined;
  readonly #send: (from: SimpleNode, message: Message) => void;
  life = 0;
  readonly incarnation = 1;
  storage = new MemoryLogStorage();
  writes: StorageAppend[] = [];
  applies: StorageApply[] = [];
  state: State;
  #checkpoint: State;
  raw: RawNode;

  constructor(
    id: number,
    random: Random,
    bug: Bug | undefined,
    send: (from: SimpleNode, message: Message) => void,
  ) {
    this.id = id;
    this.#random = random;
    this.#bug = bug;
    this.#send = send;
    this.#begin();
    this.#checkpoint = stateOf(this.storage.snapshot());
    this.state = this.#checkpoint;
    this.raw = this.start();
  }

  get inspection(): NodeInspection {
    const { storage, state, raw } = this;
    const core = raw.inspection;
    const { term, vote } = storage.initialState().hardState;
    const held = storage.lastIndex();
    let stableIndex = Math.min(core.stableIndex, held);
    while (stableIndex < Math.min(core.lastIndex, held)) {
      if (storage.term(stableIndex + 1) !== core.termOf(stableIndex + 1)) break;
      stableIndex += 1;
    }
    const stored = (index: number): Entry | undefined =>
      index < storage.firstIndex() || index > held
        ? undefined
        : storage.entries(index, index + 1, Infinity)[0];
    const stateHash = Buffer.alloc(32);
    stateHash.writeUInt32LE(state.hash);
    return {
      id: this.id,
      role: core.role,
      term: core.term,
      vote: core.vote,
      leader: core.leader,
      commit: core.commit,
      applied: core.applied,
      firstIndex: core.firstIndex,
      lastIndex: core.lastIndex,
      stableIndex,
      durable: { term, vote },
      termOf: (index) => core.termOf(index),
      entry: (index) => core.unstableEntry(index) ?? stored(index),
      confState: core.confState,
      machine: { index: state.index, term: state.term, stateHash },
    };
  }

  #begin(): void {
    this.storage = new MemoryLogStorage();
    if (!MEMBERS.includes(this.id)) return;
    const metadata = { index: 1, term: 1, confState: BEGINNING };
    this.storage.applySnapshot({ metadata, data: bytesOf(1) });
    this.storage.setHardState({ term: 1, vote: 0, commit: 1 });
  }

  /** A new life on what the disk has. */
  start(): RawNode {
    this.life += 1;
    this.writes = [];
    this.applies = [];
    this.state = this.#checkpoint;
    return new RawNode({
      id: this.id,
      incarnation: this.life,
      storage: this.storage,
      applied: this.state.index,
      random: this.#random,
      electionTicks: 10,
      heartbeatTicks: 2,
      maxEntriesPerMessage: 3,
      checkQuorum: true,
      preVote: true,
      stepDownOnRemoval: true,
      asyncStorageWrites: true,
    });
  }

  restart(): void {
    const { hardState } = this.storage.initialState();
    if (this.#bug === "forgotten-vote") this.storage.setHardState({ ...hardState, vote: 0 });
    if (this.#bug === "lost-disk") {
      this.#begin();
      this.#checkpoint = stateOf(this.storage.snapshot());
    }
    if (this.#bug === "lost-entry") this.#loseEntry();
    const { commit } = this.storage.initialState().hardState;
    const { index } = this.#checkpoint;
    // What is applied is committed.
    const known = Math.min(Math.max(commit, index), this.storage.lastIndex());
    this.storage.setHardState({ ...this.storage.initialState().hardState, commit: known });
    this.raw = this.start();
  }

  #loseEntry(): void {
    const { storage } = this;
    const last = storage.lastIndex();
    if (last <= Math.max(storage.firstIndex(), this.#checkpoint.index)) return;
    const kept = storage.entries(storage.firstIndex(), last, Infinity);
    const first = kept[0];
    if (first === undefined) return;
    storage.append([first]);
    storage.append(kept);
  }

  /** Carries out what the core wants, but for its writes and applies. */
  process(): void {
    while (this.raw.hasReady()) {
      const { messages } = this.raw.ready();
      const requests = messages.filter(({ type }) => type === "RequestVote");
      const held = this.#bug === "early-request" ? [] : requests;
      for (const message of messages) {
        if (message.type === "StorageAppend") this.#take(message, held);
        else if (message.type === "StorageApply") this.applies.push(message);
        else if (!held.includes(message)) this.#send(this, message);
      }
    }
  }

  #take(message: StorageAppend, requests: readonly Message[]): void {
    const all = [...message.responses, ...requests];
    const early = all.filter((one) => one.to !== this.id && this.#isEarly(one));
    for (const one of early) this.#send(this, one);
    this.writes.push({ ...message, responses: all.filter((one) => !early.includes(one)) });
  }

  #isEarly({ type }: Message): boolean {
    if (this.#bug === "early-acknowledgement") return type === "AppendEntriesResponse";
    return this.#bug === "early-vote" && type === "RequestVoteResponse";
  }

  write(): void {
    const message = this.writes.shift();
    if (message === undefined) return;
    const { snapshot, entries, hardState, responses } = message;
    if (snapshot !== undefined) {
      // What was handed over to be applied comes first.
      while (this.#bug !== "overtaking-snapshot" && this.applies.length > 0) this.apply();
      this.storage.applySnapshot(snapshot);
      this.#checkpoint = stateOf(snapshot);
      this.state =
        this.#bug === "snapshot-without-state"
          ? { ...this.#checkpoint, hash: this.state.hash }
          : this.#checkpoint;
    }
    this.storage.append(entries);
    if (hardState !== undefined) this.storage.setHardState(hardState);
    this.#deliver(responses);
  }

  apply(): void {
    const message = this.applies.shift();
    if (message === undefined) return;
    for (const entry of message.entries) {
      const confState =
        entry.type === "Normal"
          ? this.state.confState
          : this.raw.applyConfChange(decodeConfChange(entry.type, entry.data));
      const { index, term } = entry;
      let hash = after(this.state.hash, entry);
      if (this.#bug === "applied-twice" && this.id === 2 && index % 7 === 0) {
        hash = after(hash, entry);
      }
      this.state = { index, term, hash, confState };
    }
    this.#deliver(message.responses);
  }

  #deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.id) this.raw.step(response);
      else this.#send(this, response);
    }
  }

  /** Makes the state durable, and cuts the log behind it. */
  checkpoint(keep: number): void {
    const { index, hash, confState } = this.state;
    if (index <= this.#checkpoint.index || index > this.storage.lastIndex()) return;
    this.#checkpoint = this.state;
    this.storage.createSnapshot(index, confState, bytesOf(hash));
    if (index - keep >= this.storage.firstIndex()) this.storage.compact(index - keep);
  }
}

/** A run of a group under a random schedule, with every invariant held against it. */
export class SimpleGroup {
  readonly #random: Random;
  readonly #bug: Bug | undefined;
  readonly #nodes: readonly SimpleNode[];
  #network: Message[] = [];
  readonly #invariants = allInvariants();
  /** What the invariants found; nothing more happens then. */
  violation: InvariantViolation | undefined;
  /** How far any node has committed. */
  committed = 0;
  snapshots = 0;
  jointSteps = 0;

  constructor(seed: number, bug?: Bug) {
    this.#random = prng(BigInt(seed));
    this.#bug = bug;
    const send = (from: SimpleNode, message: Message): void => {
      for (const invariant of this.#invariants) {
        this.#guard(() => invariant.sent?.(from, message));
      }
      this.#network.push(message);
    };
    this.#nodes = Array.from({ length: MAX_ID }, (_, at) => {
      const random = prng(BigInt(seed) * 100n + BigInt(at));
      return new SimpleNode(at + 1, random, bug, send);
    });
    for (const node of this.#nodes) this.#started(node);
  }

  /** `steps` random ones; then the network is sound, and everybody gets the time to agree. */
  run(steps: number): InvariantViolation | undefined {
    for (let step = 0; step < steps && this.violation === undefined; step++) this.#step();
    for (let round = 0; round < 200 && this.violation === undefined; round++) this.#calmRound();
    const view = { now: 0, nodes: this.#nodes };
    for (const invariant of this.#invariants) this.#guard(() => invariant.finished?.(view));
    return this.violation;
  }

  #step(): void {
    const random = this.#random;
    const draw = random.integer(0, 1_000);
    const node = this.#node(random.integer(1, MAX_ID + 1));
    if (draw < 250) this.#on(node, () => node.raw.tick());
    else if (draw < 550) this.#deliverOne(random.integer(0, 100));
    else if (draw < 700) this.#on(node, () => node.write());
    else if (draw < 850) this.#on(node, () => node.apply());
    else if (draw < 860) this.#on(node, () => node.checkpoint(random.integer(0, 4)));
    else if (draw < 864) this.#restart(node);
    else if (draw < 874) this.#atLeader((leader) => this.#changeMembers(leader));
    else this.#atLeader(({ raw }) => raw.propose(bytesOf(random.integer(0, 1_000))));
  }

  #atLeader(act: (leader: SimpleNode) => void): void {
    const leaders = this.#nodes.filter(({ raw }) => raw.basicStatus().role === "leader");
    for (const leader of leaders) this.#on(leader, () => act(leader));
  }

  #calmRound(): void {
    for (const node of this.#nodes) {
      this.#on(node, () => node.raw.tick());
      while (node.writes.length > 0) this.#on(node, () => node.write());
      while (node.applies.length > 0) this.#on(node, () => node.apply());
      // A snapshot from before a node joined is of no use to it.
      this.#on(node, () => node.checkpoint(2));
    }
    for (let left = this.#network.length; left > 0; left--) this.#deliver(this.#network.shift());
  }

  #changeMembers(node: SimpleNode): void {
    const random = this.#random;
    const kinds = ["AddVoter", "AddLearner", "Remove"] as const;
    const changes = Array.from({ length: random.integer(1, 3) }, () => ({
      kind: kinds[random.integer(0, 3)] ?? "AddVoter",
      nodeId: random.integer(1, MAX_ID + 1),
    }));
    node.raw.proposeConfChange({ transition: "auto", changes });
  }

  #deliverOne(draw: number): void {
    if (this.#network.length === 0) return;
    const at = this.#random.integer(0, Math.min(this.#network.length, 20));
    const message = this.#network[at];
    // Some stay, to come a second time.
    if (draw >= 10) this.#network.splice(at, 1);
    if (message !== undefined && draw < 30 && draw >= 10) this.#report(message, "failed");
    else this.#deliver(message);
  }

  #deliver(message: Message | undefined): void {
    if (message === undefined) return;
    const node = this.#node(message.to);
    this.#on(node, () => node.raw.step(message));
    this.#report(message, "finished");
  }

  #report(message: Message, status: "finished" | "failed"): void {
    if (message.type !== "InstallSnapshot") return;
    this.snapshots += 1;
    const sender = this.#node(message.from);
    this.#on(sender, () => sender.raw.reportSnapshot(message.to, status));
  }

  #node(id: number): SimpleNode {
    const node = this.#nodes[id - 1];
    if (node === undefined) throw new RangeError(`no node (${id})`);
    return node;
  }

  #on(node: SimpleNode, act: () => void): void {
    try {
      act();
      node.process();
    } catch (error) {
      if (error instanceof InvariantError && this.#bug !== undefined) {
        // The core noticed by itself that something is wrong: the node stops, and somebody starts it again.
        this.#restart(node);
        return;
      }
      if (!(error instanceof RaftError)) throw error;
    }
    this.#stepped(node);
  }

  #restart(node: SimpleNode): void {
    try {
      node.restart();
    } catch (error) {
      if (!(error instanceof InvariantError) || this.#bug === undefined) throw error;
      return;
    }
    this.#started(node);
  }

  #started(node: SimpleNode): void {
    for (const invariant of this.#invariants) this.#guard(() => invariant.started?.(node));
    this.#stepped(node);
  }

  #stepped(node: SimpleNode): void {
    const { commit, confState } = node.inspection;
    this.committed = Math.max(this.committed, commit);
    if (confState.votersOutgoing.length > 0) this.jointSteps += 1;
    const cluster = { now: 0, nodes: this.#nodes };
    for (const invariant of this.#invariants) {
      this.#guard(() => invariant.stepped?.(node, cluster));
    }
  }

  #guard(check: () => void): void {
    if (this.violation !== undefined) return;
    try {
      check();
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      this.violation = error;
    }
  }
}

function stateOf({ metadata, data }: Snapshot): State {
  const { index, term, confState } = metadata;
  return { index, term, confState, hash: data.length === 0 ? 0 : Buffer.from(data).readUInt32LE() };
}

function bytesOf(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function after(hash: number, { index, term, data }: Entry): number {
  let next = Math.imul(hash ^ index, 0x0100_0193) ^ term;
  for (const byte of data) next = Math.imul(next ^ byte, 0x0100_0193);
  return next >>> 0;
}
