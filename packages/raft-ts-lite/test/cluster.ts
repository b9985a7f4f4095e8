import {
  APPEND_THREAD,
  APPLY_THREAD,
  decodeConfChange,
  MemoryLogStorage,
  NONE,
  RawNode,
  type ConfState,
  type Entry,
  type LogStorage,
  type Message,
  type NodeId,
  type RaftConfig,
  type ReadState,
  type ReadToken,
  type StorageAppend,
  type StorageApply,
} from "../src/index.ts";

/** Where every group of these tests starts: a snapshot at this index, of this term. */
export const START = 10;
export const START_TERM = 1;

export interface Member {
  readonly id: NodeId;
  readonly storage: MemoryLogStorage;
  readonly settings: Partial<RaftConfig>;
  node: RawNode;
  /** Everything applied in this life, in order. */
  readonly applied: Entry[];
  readonly reads: ReadState[];
  readonly appends: StorageAppend[];
  readonly applies: StorageApply[];
  lives: number;
}

export interface ClusterOptions {
  readonly voters: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  /** For all members. */
  readonly settings?: Partial<RaftConfig>;
  /** For one member, over the above. */
  readonly of?: Readonly<Record<NodeId, Partial<RaftConfig>>>;
  readonly start?: { readonly index: number; readonly term: number };
  readonly storage?: (storage: MemoryLogStorage) => LogStorage;
}

/** A group in memory: messages wait in `network` until they are delivered, and nothing moves by itself. */
export class Cluster {
  readonly members: Map<NodeId, Member> = new Map();
  readonly #options: ClusterOptions;
  network: Message[] = [];
  /** Everything that was ever sent, for tests that look at the messages. */
  sent: Message[] = [];
  /** Messages for which this holds are lost on delivery. */
  lost: (message: Message) => boolean = () => false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    for (const id of [...options.voters, ...(options.learners ?? [])]) this.add(id, true);
  }

  /** Adds a node; without `inGroup` it knows nothing, and waits for a leader to send it a snapshot. */
  add(id: NodeId, inGroup: boolean): Member {
    const storage = new MemoryLogStorage();
    const { index, term } = this.#options.start ?? { index: START, term: START_TERM };
    if (inGroup) {
      const { voters, learners = [] } = this.#options;
      const confState = confStateOf(voters, learners);
      storage.applySnapshot({ metadata: { index, term, confState }, data: new Uint8Array(0) });
      storage.setHardState({ term: 0, vote: NONE, commit: index });
    }
    const settings = { ...this.#options.settings, ...this.#options.of?.[id] };
    const member: Member = {
      id,
      storage,
      settings,
      node: this.#start(id, storage, settings, inGroup ? index : 0, 0),
      applied: [],
      reads: [],
      appends: [],
      applies: [],
      lives: 1,
    };
    this.members.set(id, member);
    return member;
  }

  member(id: NodeId): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  node(id: NodeId): RawNode {
    return this.member(id).node;
  }

  get ids(): NodeId[] {
    return [...this.members.keys()];
  }

  /** The one leader of the highest term; NONE when there is none. */
  leader(): NodeId {
    const leaders = this.ids
      .map((id) => this.node(id).basicStatus())
      .filter(({ role }) => role === "leader")
      .sort((a, b) => b.term - a.term);
    return leaders[0]?.id ?? NONE;
  }

  elect(id: NodeId): void {
    this.node(id).campaign();
    this.settle();
    const { role } = this.node(id).basicStatus();
    if (role !== "leader") throw new Error(`${id} is ${role}`);
  }

  propose(id: NodeId, text: string): void {
    this.node(id).propose(bytes(text));
  }

  tick(id: NodeId, times = 1): void {
    for (let i = 0; i < times; i += 1) this.node(id).tick();
  }

  /** Handles one Ready of `id`: writes, applies, and queues what is to be sent. */
  handle(id: NodeId): Message[] {
    const member = this.member(id);
    const { node, storage } = member;
    const ready = node.ready();
    member.reads.push(...ready.readStates);
    const out = ready.messages.filter(({ to }) => to !== APPEND_THREAD && to !== APPLY_THREAD);
    if (member.settings.asyncStorageWrites === true) {
      for (const message of ready.messages) {
        if (message.type === "StorageAppend") member.appends.push(message);
        if (message.type === "StorageApply") member.applies.push(message);
      }
    } else {
      if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
      if (ready.snapshot !== undefined) storage.applySnapshot(ready.snapshot);
      storage.append(ready.entries);
      this.#apply(member, ready.committedEntries);
      node.advance();
    }
    this.network.push(...out);
    this.sent.push(...out);
    return out;
  }

  /** Finishes the oldest write of `id` (asynchronous mode), and sends what waited for it. */
  write(id: NodeId): boolean {
    const member = this.member(id);
    const message = member.appends.shift();
    if (message === undefined) return false;
    if (message.hardState !== undefined) member.storage.setHardState(message.hardState);
    if (message.snapshot !== undefined) member.storage.applySnapshot(message.snapshot);
    member.storage.append(message.entries);
    this.network.push(...message.responses);
    this.sent.push(...message.responses);
    return true;
  }

  /** Finishes the oldest apply of `id` (asynchronous mode). */
  applyNext(id: NodeId): boolean {
    const member = this.member(id);
    const message = member.applies.shift();
    if (message === undefined) return false;
    this.#apply(member, message.entries);
    this.network.push(...message.responses);
    return true;
  }

  /** Delivers what waits now and satisfies `which`, in order. */
  deliver(which: (message: Message) => boolean = () => true): number {
    const now = this.network.filter(which);
    this.network = this.network.filter((message) => !which(message));
    for (const message of now) {
      if (this.lost(message)) continue;
      this.step(message);
    }
    return now.length;
  }

  /** One message; what a node refuses as no member's is dropped, as a transport would. */
  step(message: Message): void {
    const node = this.members.get(message.to)?.node;
    if (node === undefined) return;
    try {
      node.step(message);
    } catch (error) {
      if (codeOf(error) !== "PEER_NOT_FOUND" && codeOf(error) !== "PROPOSAL_DROPPED") throw error;
    }
  }

  /** Until nothing moves any more; only among `ids` when given, the rest waits. */
  settle(ids: readonly NodeId[] = this.ids): void {
    for (let round = 0, moved = true; moved; round += 1) {
      if (round > 1000) throw new Error("does not settle");
      moved = false;
      for (const id of ids) {
        while (this.node(id).hasReady()) {
          this.handle(id);
          moved = true;
        }
        while (this.write(id)) moved = true;
        while (this.applyNext(id)) moved = true;
      }
      if (this.deliver(({ to }) => ids.includes(to) || !this.members.has(to)) > 0) moved = true;
    }
  }

  /** Cuts `ids` off from everyone else, both ways. */
  isolate(...ids: NodeId[]): void {
    this.lost = ({ from, to }) => ids.includes(from) !== ids.includes(to) && from !== to;
  }

  heal(): void {
    this.lost = () => false;
  }

  /** Kills `id` and starts it from what is in its storage. */
  restart(id: NodeId): void {
    const member = this.member(id);
    member.appends.length = 0;
    member.applies.length = 0;
    member.reads.length = 0;
    // Its state was in memory, so that everything behind the snapshot is applied again.
    member.applied.length = 0;
    const from = member.storage.snapshot().metadata.index;
    // What is applied is committed, even where the commit index did not get to the disk in time.
    const { hardState } = member.storage.initialState();
    const commit = Math.max(hardState.commit, from);
    member.storage.setHardState({ ...hardState, commit });
    member.node = this.#start(id, member.storage, member.settings, from, member.lives);
    member.lives += 1;
    this.network = this.network.filter((message) => message.from !== id && message.to !== id);
  }

  read(id: NodeId): ReadToken {
    return this.node(id).readIndex();
  }

  /** The index under which `token` was answered at `id`. */
  answer(id: NodeId, token: ReadToken): number | undefined {
    return this.member(id).reads.find((read) => read.token === token)?.index;
  }

  /** What `id` applied, without empty entries. */
  texts(id: NodeId): string[] {
    return this.member(id)
      .applied.filter(({ type, data }) => type === "Normal" && data.length > 0)
      .map(({ data }) => text(data));
  }

  /** The log of `id` as `term/index`. */
  log(id: NodeId): string[] {
    const { storage } = this.member(id);
    const [first, last] = [storage.firstIndex(), storage.lastIndex()];
    if (last < first) return [];
    return storage.entries(first, last + 1, Infinity).map((e) => `${e.term}/${e.index}`);
  }

  #apply(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      member.applied.push(entry);
      if (entry.type === "Normal") continue;
      const confState = member.node.applyConfChange(decodeConfChange(entry.type, entry.data));
      // New members need a snapshot that they are part of.
      member.storage.createSnapshot(entry.index, confState, new Uint8Array(0));
    }
  }

  #start(
    id: NodeId,
    storage: MemoryLogStorage,
    settings: Partial<RaftConfig>,
    applied: number,
    incarnation: number,
  ): RawNode {
    return new RawNode({
      id,
      electionTicks: 10,
      heartbeatTicks: 1,
      storage: this.#options.storage?.(storage) ?? storage,
      random: prng(id * 1000 + incarnation),
      applied,
      incarnation,
      ...settings,
    });
  }
}

export function confStateOf(
  voters: readonly NodeId[],
  learners: readonly NodeId[] = [],
): ConfState {
  return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** An append of `leader`, made by hand. Entries are given as terms, from `index + 1` on. */
export function append(fields: {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
  readonly index: number;
  readonly logTerm: number;
  readonly terms?: readonly number[];
  readonly commit?: number;
}): Message {
  const { terms = [], commit = 0, ...rest } = fields;
  const entries = terms.map((term, i) => entry(term, fields.index + 1 + i));
  return { type: "AppendEntries", ...rest, entries, commit };
}

/** The answer of `from` to an append. */
export function acknowledgement(
  from: NodeId,
  to: NodeId,
  term: number,
  index: number,
  rejection?: { readonly hint: number; readonly logTerm: number },
): Message {
  return {
    type: "AppendEntriesResponse",
    from,
    to,
    term,
    index,
    logTerm: rejection?.logTerm ?? 0,
    reject: rejection !== undefined,
    rejectHint: rejection?.hint ?? 0,
  };
}

export function entry(term: number, index: number, value = `${term}/${index}`): Entry {
  return { type: "Normal", term, index, data: bytes(value) };
}

export function bytes(value: string): Uint8Array {
  return Uint8Array.from(value, (letter) => letter.charCodeAt(0));
}

function text(data: Uint8Array): string {
  return String.fromCharCode(...data);
}

/** The `code` of a thrown error. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** What `action` throws: the code of a RaftError, or undefined when it returns. */
export function refusal(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return codeOf(error) ?? error;
  }
  return undefined;
}

/** A small generator (Park and Miller's), so that every run is the same. */
export function prng(seed: number): { integer(lo: number, hi: number): number } {
  let state = (seed % 2_147_483_646) + 1;
  return {
    integer(lo, hi) {
      state = (state * 48_271) % 2_147_483_647;
      return lo + (state % (hi - lo));
    },
  };
}
