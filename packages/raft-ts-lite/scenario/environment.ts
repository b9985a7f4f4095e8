import { decodeConfChange, encodeConfChange } from "../src/conf-change-codec.ts";
import type { ConfChange, ConfChangeV2 } from "../src/conf-change-codec.ts";
import type { RaftConfig } from "../src/config.ts";
import type {
  Entry,
  HardState,
  Message,
  NodeId,
  Snapshot,
  StorageAppend,
  StorageApply,
} from "../src/message.ts";
import { APPEND_THREAD, APPLY_THREAD } from "../src/message.ts";
import { RawNode } from "../src/raw-node.ts";
import { ScenarioError } from "./datadriven.ts";
import { describeMessage, describeReady } from "./describe.ts";
import { HistoryStorage } from "./history-storage.ts";
import { CommandError, errorText } from "./errors.ts";
import { Output } from "./output.ts";

/** One node with its disk and its two storage threads, which work one message at a time when told to. */
export interface ScenarioNode {
  readonly id: NodeId;
  raw: RawNode;
  readonly storage: HistoryStorage;
  config: RaftConfig;
  readonly appendWork: StorageAppend[];
  readonly applyWork: StorageApply[];
}

/** The messages of a recipient that a command delivers or drops. */
export interface Recipient {
  readonly id: NodeId;
  readonly drop: boolean;
}

/** Some nodes and the network between them: a queue that nothing leaves but by a command. */
export class Environment {
  readonly out: Output = new Output();
  readonly nodes: ScenarioNode[] = [];
  #messages: Message[] = [];
  /** What the network will deliver a second time. */
  #copies: Message[] = [];

  node(id: NodeId): ScenarioNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new ScenarioError(`no such node (${id})`);
    return node;
  }

  /** Adds a node under the next id; `snapshot` bootstraps it where it has an index. */
  addNode(settings: Omit<RaftConfig, "id" | "storage">, snapshot: Snapshot): void {
    const id = this.nodes.length + 1;
    const storage = new HistoryStorage(snapshot);
    const { index, term } = snapshot.metadata;
    if (term > 0) {
      if (index <= 1) throw new CommandError("index must be specified as > 1 due to bootstrap");
      storage.log.applySnapshot(snapshot);
    }
    const config: RaftConfig = { ...settings, id, storage };
    const raw = new RawNode(config);
    this.nodes.push({ id, raw, storage, config, appendWork: [], applyWork: [] });
  }

  send(message: Message): void {
    this.#messages.push(message);
  }

  /** Keeps a copy of what is queued for `id`: a network may deliver late, and twice. */
  copyMessages(id: NodeId): void {
    const recipient = { id, drop: true };
    this.#copies.push(...this.#messages.filter((message) => isFor(message, recipient)));
  }

  /** Queues the copies behind everything else. */
  releaseCopies(): void {
    this.#messages.push(...this.#copies);
    this.#copies = [];
  }

  /** Proposes as a peer would: a change that does not fit becomes an empty entry instead of an error. */
  proposeConfChange(id: NodeId, change: ConfChange | ConfChangeV2): void {
    const entry: Entry = { ...encodeConfChange(change), term: 0, index: 0 };
    this.node(id).raw.step({ type: "Propose", from: id, to: id, term: 0, entries: [entry] });
  }

  /** Takes one Ready of a node and does all it asks for, in the synchronous mode up to the advance. */
  processReady(id: NodeId): void {
    const node = this.node(id);
    const ready = node.raw.ready();
    this.out.write(describeReady(ready));
    const asynchronous = node.config.asyncStorageWrites === true;
    if (!asynchronous) {
      append(node, ready.hardState, ready.entries, ready.snapshot);
      apply(node, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === "StorageAppend") node.appendWork.push(message);
      else if (message.type === "StorageApply") node.applyWork.push(message);
      else this.send(message);
    }
    if (!asynchronous) node.raw.advance();
  }

  /** Does the oldest work of a node's append thread: writes, then lets the responses go. */
  processAppendThread(id: NodeId): void {
    const node = this.node(id);
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.out.write("no append work to perform");
      return;
    }
    const { responses } = work;
    this.out.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
    append(node, work.hardState, work.entries, work.snapshot);
    this.#release(responses);
  }

  /** Does the oldest work of a node's apply thread. */
  processApplyThread(id: NodeId): void {
    const node = this.node(id);
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.out.write("no apply work to perform");
      return;
    }
    const { responses } = work;
    this.out.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
    apply(node, work.entries);
    this.#release(responses);
  }

  #release(responses: readonly Message[]): void {
    this.out.write("Responses:\n");
    for (const response of responses) this.out.line(describeMessage(response));
    this.#messages.push(...responses);
  }

  /** Delivers or drops what is queued for each recipient, `type` only when given; returns how many messages. */
  deliver(recipients: readonly Recipient[], type?: Message["type"]): number {
    let count = 0;
    for (const recipient of recipients) {
      const taken = this.#messages.filter((message) => isFor(message, recipient, type));
      this.#messages = this.#messages.filter((message) => !isFor(message, recipient, type));
      count += taken.length;
      for (const message of taken) this.#deliverOne(message, recipient.drop);
    }
    return count;
  }

  #deliverOne(message: Message, drop: boolean): void {
    this.out.line(`${drop ? "dropped: " : ""}${describeMessage(message)}`);
    // Dropping comes first: what is dropped may be for a node that does not exist.
    if (drop) return;
    try {
      this.node(message.to).raw.step(message);
    } catch (error) {
      this.out.line(errorText(error));
    }
  }

  /** Lets the given nodes work until none of them has anything to do. */
  stabilize(ids: readonly NodeId[]): void {
    const nodes = ids.map((id) => this.node(id));
    for (let busy = true; busy;) {
      busy = false;
      const section = (id: NodeId, title: string, body: () => void): void => {
        busy = true;
        this.out.line(`> ${id} ${title}`);
        this.out.indented(body);
      };
      for (const { id, raw } of nodes) {
        if (raw.hasReady()) section(id, "handling Ready", () => this.processReady(id));
      }
      for (const { id } of nodes) {
        const recipient = { id, drop: false };
        if (this.#messages.some((message) => isFor(message, recipient))) {
          section(id, "receiving messages", () => this.deliver([recipient]));
        }
      }
      for (const { id, appendWork } of nodes) {
        if (appendWork.length === 0) continue;
        section(id, "processing append thread", () => {
          while (appendWork.length > 0) this.processAppendThread(id);
        });
      }
      for (const { id, applyWork } of nodes) {
        if (applyWork.length === 0) continue;
        section(id, "processing apply thread", () => {
          while (applyWork.length > 0) this.processApplyThread(id);
        });
      }
    }
  }

  /** Replaces a node by one that knows only what its disk holds: what was queued for its threads is lost. */
  restart(id: NodeId): void {
    const node = this.node(id);
    node.appendWork.length = 0;
    node.applyWork.length = 0;
    // Messages of its threads die with the process; what is on the network does not.
    this.#messages = this.#messages.filter((message) => !isLocal(message) || message.to !== id);
    const incarnation = (node.config.incarnation ?? 0) + 1;
    const { applied, log } = node.storage;
    // The commit index is written lazily; what is applied was committed.
    const { hardState } = log.initialState();
    log.setHardState({ ...hardState, commit: Math.max(hardState.commit, applied) });
    node.config = { ...node.config, incarnation, applied };
    node.raw = new RawNode(node.config);
  }
}

function isFor(message: Message, { id, drop }: Recipient, type?: Message["type"]): boolean {
  if (message.to !== id || (type !== undefined && message.type !== type)) return false;
  return !(drop && isLocal(message));
}

/** Messages of a node to itself and to and from its threads: nothing between them is a network that could lose any. */
function isLocal({ from, to }: Message): boolean {
  return from === to || isThread(from) || isThread(to);
}

function isThread(id: NodeId): boolean {
  return id === APPEND_THREAD || id === APPLY_THREAD;
}

function append(
  { storage: { log } }: ScenarioNode,
  hardState: HardState | undefined,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  if (hardState !== undefined) log.setHardState(hardState);
  if (snapshot !== undefined) {
    if (entries.length > 0) {
      throw new CommandError("can't apply snapshot and entries at the same time");
    }
    log.applySnapshot(snapshot);
    return;
  }
  log.append(entries);
}

function apply(node: ScenarioNode, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.type === "Normal") {
      node.storage.apply(entry, entry.data);
      continue;
    }
    const change = decodeConfChange(entry.type, entry.data);
    const confState = node.raw.applyConfChange(change);
    node.storage.apply(entry, change.context ?? new Uint8Array(0), confState);
  }
}
