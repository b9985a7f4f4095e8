import type { Clock, DiskLock, Platform, Timer } from "@holdfast/platform";
import type { Message, NodeId, Role } from "raft-ts-lite";
import type { ResolvedSettings } from "../config/settings.ts";
import { HoldfastError } from "../errors.ts";
import type { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { StateMachine, StateMachineFactory } from "../machine/state-machine.ts";
import type { Hello, Refusal } from "../transport/handshake.ts";
import type { Transport } from "../transport/transport.ts";
import type { ReplicaApplied } from "./applier.ts";
import { clusterIdOf, drawIncarnation, type Identity } from "./identity.ts";
import { type NodeInspection, RuntimeInspection } from "./node-inspection.ts";
import type { PeerPins } from "./peer-pins.ts";
import { releaseInOrder } from "./release.ts";
import { Replica } from "./replica.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import type { StoreSlot } from "./store-slot.ts";

/** The group that a node runs today. Many groups are an extension of the tables here, not of the formats. */
export const GROUP = 1;

/** Ticks that may follow at once when the event loop was busy: a stalled loop must not look like a silent leader. */
const MAX_TICKS_AT_ONCE = 4;

export interface RuntimeOptions<Machine extends StateMachine> {
  readonly settings: ResolvedSettings;
  /** Parts of the world that are the embedder's; the others are made for this life and end with it. */
  readonly overrides: Partial<Platform>;
  readonly machine: StateMachineFactory<Machine>;
  readonly leaderChanged: (leader: NodeId, role: Role, term: number) => void;
  readonly membersChanged: () => void;
  /** Once, and not after `close` was called. */
  readonly failed: (error: HoldfastError) => void;
}

/** What a node is made of, each opened by whoever makes the runtime and released by it. */
export interface Parts<Machine extends StateMachine> {
  readonly platform: Platform;
  readonly lock: DiskLock;
  readonly wal: WriteAheadLog;
  readonly slot: StoreSlot<Machine>;
  readonly transport: Transport;
}

/** One life of a node, from open to close. */
export class Runtime<Machine extends StateMachine> {
  readonly #options: RuntimeOptions<Machine>;
  readonly #platform: Platform;
  readonly #lock: DiskLock;
  readonly #pins: PeerPins;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver<Machine>;
  readonly #tickMs: number;
  readonly #closing = new AbortController();
  #timer: Timer | undefined;
  #lastTick: number;
  #peers = new Set<NodeId>();
  /** Peers of a group that has never had a leader, as they are reached. */
  readonly #reached = new Set<NodeId>();
  #released: Promise<void> | undefined;
  #fresh: boolean;
  readonly identity: Identity;
  readonly life: number;
  readonly wal: WriteAheadLog;
  readonly slot: StoreSlot<Machine>;
  readonly transport: Transport;
  readonly replica: Replica<Machine>;
  readonly inspection: NodeInspection;

  /** Use `openRuntime`. */
  constructor(
    options: RuntimeOptions<Machine>,
    identity: Identity,
    pins: PeerPins,
    parts: Parts<Machine>,
    lastLogTime: number,
  ) {
    const { settings } = options;
    const { platform } = parts;
    this.#options = options;
    this.#platform = platform;
    this.#pins = pins;
    this.#lock = parts.lock;
    this.identity = identity;
    this.#fresh = !identity.begun;
    this.life = drawIncarnation(platform.random);
    this.wal = parts.wal;
    this.slot = parts.slot;
    this.transport = parts.transport;
    this.#tickMs = tickLength(settings);
    this.#lastTick = platform.clock.now();
    const clusterId = clusterIdOf(identity.cluster);
    this.#sender = new SnapshotSender({
      clusterId,
      group: GROUP,
      machine: () => this.slot.machine,
      openStream: (to) => this.transport.openStream(to, "snapshot"),
      report: (to, status) => this.replica.reportSnapshot(to, status),
      platform,
      pauses: settings.transport,
    });
    this.replica = new Replica<Machine>({
      group: GROUP,
      id: settings.id,
      life: this.life,
      settings,
      tickMs: this.#tickMs,
      platform,
      wal: this.wal,
      slot: this.slot,
      applied: this.slot.machine.applied(),
      lastLogTime,
      handlers: {
        send: (to, message) => this.transport.send(to, GROUP, message),
        flush: () => {
          this.transport.flush();
        },
        sendSnapshot: (message) => {
          this.#sender.start(message);
        },
        membersChanged: (applied) => {
          this.#connectMembers(applied);
          options.membersChanged();
        },
        leaderChanged: options.leaderChanged,
        failed: (error) => {
          this.#fail(error);
        },
      },
    });
    this.#receiver = new SnapshotReceiver<Machine>({
      self: settings.id,
      clusterId,
      group: GROUP,
      slot: this.slot,
      install: (message, store) => this.replica.installSnapshot(message, store),
    });
    this.inspection = new RuntimeInspection(this);
  }

  get clock(): Clock {
    return this.#platform.clock;
  }

  /** Aborts with the reason when this life ends, by itself or by `close`. */
  get ended(): AbortSignal {
    return this.#closing.signal;
  }

  /** Begins to tick and to talk to the others. */
  start(): void {
    this.#connectMembers(this.replica.applied);
    for (const { id, address } of this.#options.settings.cluster.members) {
      // A node that joins, or one whose peers moved, dials who it was told about until the configuration arrives.
      if (id !== this.#options.settings.id && !this.#peers.has(id) && this.#peers.size === 0) {
        this.transport.setPeer(id, address);
      }
    }
    this.#scheduleTick();
  }

  #scheduleTick(): void {
    const { clock } = this;
    this.#timer = clock.setTimer(this.#tickMs, () => {
      const elapsed = Math.floor((clock.now() - this.#lastTick) / this.#tickMs);
      this.#lastTick += elapsed * this.#tickMs;
      this.replica.tick(Math.min(elapsed, MAX_TICKS_AT_ONCE));
      if (!this.ended.aborted) this.#scheduleTick();
    });
  }

  #connectMembers({ members }: ReplicaApplied): void {
    const { id: self } = this.#options.settings;
    for (const [id, { address }] of members) {
      if (id !== self) this.transport.setPeer(id, address);
    }
    for (const id of this.#peers) if (!members.has(id)) this.transport.removePeer(id);
    this.#peers = new Set([...members.keys()].filter((id) => id !== self));
  }

  // What the transport asks.

  receive(group: number, messages: readonly Message[]): void {
    if (group !== GROUP) return;
    this.replica.receive(messages);
  }

  async admit(hello: Hello): Promise<Refusal | undefined> {
    const known = await this.#pins.admit(hello.nodeId, hello.incarnation, hello.address);
    if (!known) return incarnationMismatch(hello.nodeId);
    if (!this.replica.applied.members.has(hello.nodeId)) {
      this.transport.setPeer(hello.nodeId, hello.address);
    }
    return undefined;
  }

  /** What is sent to a member counts on what it acknowledged before; one that lost it must not be taken for the other. */
  recognise({ nodeId, incarnation }: Hello): Refusal | undefined {
    return this.#pins.contradicts(nodeId, incarnation) ? incarnationMismatch(nodeId) : undefined;
  }

  refused(by: NodeId, refusal: Refusal): void {
    // Who has met members of its own cluster knows that it is in the right one: then a stranger has a member's address.
    const wrongCluster = refusal.code === "CLUSTER_MISMATCH" && this.#pins.isEmpty;
    if (refusal.code !== "INCARNATION_MISMATCH" && !wrongCluster) return;
    const code = "IDENTITY";
    this.#fail(new HoldfastError(code, `node (${by}) refused this one: ${refusal.message}`));
  }

  snapshotStream(from: NodeId, stream: Parameters<SnapshotReceiver<Machine>["accept"]>[1]): void {
    this.#receiver.accept(from, stream);
  }

  unreachable(to: NodeId): void {
    this.replica.reportUnreachable(to);
  }

  /**
   * In a group that has never had a leader there is nobody whose silence would have to be waited out: the first of its voters campaigns as soon as it
   * reaches a quorum. Should it be missing, the others time out as ever.
   */
  connected(to: NodeId): void {
    const { voters } = this.replica.applied.confState;
    if (!this.#fresh || Math.min(...voters) !== this.#options.settings.id) return;
    if (voters.includes(to)) this.#reached.add(to);
    if ((this.#reached.size + 1) * 2 <= voters.length) return;
    this.#fresh = false;
    this.replica.campaignUnlessLed();
  }

  // Ends.

  /** The log failed: nothing that was promised can be kept any longer. */
  walFailed(error: HoldfastError): void {
    this.#fail(error);
  }

  #fail(error: HoldfastError): void {
    if (this.ended.aborted) return;
    this.#closing.abort(error);
    // The node has failed and says so below; what fails while it is released adds nothing.
    this.#released = this.#release(error, false).then(() => undefined);
    this.#options.failed(error);
  }

  /** Releases everything. Idempotent; after a failure it waits for the release that the failure began. */
  async close(): Promise<void> {
    if (!this.ended.aborted) {
      const error = new HoldfastError("CLOSED", "the node was closed");
      this.#closing.abort(error);
      this.#released = this.#release(error, true).then((failures) => {
        for (const failure of failures) throw failure;
      });
    }
    await this.#released;
  }

  /** Releases everything, whatever fails on the way. Returns the failures. */
  #release(error: HoldfastError, clean: boolean): Promise<readonly Error[]> {
    this.#timer?.cancel();
    this.#sender.close();
    // Now, so that nothing that waits has to wait for what is released first.
    const stopped = this.replica.stop(error);
    return releaseInOrder([
      () => this.#receiver.close(),
      () => stopped,
      () => this.transport.close(),
      () => this.wal.close(),
      () => (clean ? this.slot.closeClean() : this.slot.closeDirty()),
      () => this.#lock.release(),
      () => (this.#options.overrides.disk === undefined ? this.#platform.disk.close() : undefined),
    ]);
  }
}

function incarnationMismatch(id: NodeId): Refusal {
  return {
    code: "INCARNATION_MISMATCH",
    message: `node (${id}) is known with another data directory: its disk was wiped or replaced, or its id is used twice. Remove the member and add the new one under a new id`,
  };
}

/** A hundred distinct election timeouts or more, so that ties are rare, unless that would need ticks below a millisecond. */
function tickLength({ raft }: ResolvedSettings): number {
  const spread = Math.floor((raft.electionMaxMs - raft.electionMinMs) / 100);
  return Math.min(Math.max(1, spread), raft.heartbeatMs);
}
