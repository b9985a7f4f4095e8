import type { Platform } from "@holdfast/platform";
import { EventEmitter } from "eventemitter3";
import type { NodeId } from "raft-ts-lite";
import type { ResolvedSettings } from "../config/settings.ts";
import { HoldfastError } from "../errors.ts";
import type { Command } from "../format/sealed-batch.ts";
import type { StateMachine, StateMachineFactory } from "../machine/state-machine.ts";
import { type Commit, commitStream } from "./commit-stream.ts";
import type { HoldfastNode, NodeEvents } from "./holdfast-node.ts";
import { type Members, ReplicatedMembers } from "./members.ts";
import type { NodeInspection } from "./node-inspection.ts";
import { openRuntime } from "./open-runtime.ts";
import type { Runtime } from "./runtime.ts";
import type { NodeStatus } from "./status.ts";

/** Kinds below belong to the node itself (docs/formats.md, section 1). */
const FIRST_MACHINE_KIND = 0x40;
const LAST_KIND = 0xff;

/** See {@link HoldfastNode}. */
export class MachineNode<Machine extends StateMachine> implements HoldfastNode<Machine> {
  readonly events: EventEmitter<NodeEvents> = new EventEmitter<NodeEvents>();
  readonly members: Members;
  protected readonly settings: ResolvedSettings;
  readonly #overrides: Partial<Platform>;
  readonly #factory: StateMachineFactory<Machine>;
  #runtime: Runtime<Machine> | undefined;
  #failure: HoldfastError | undefined;
  /** Opens and closes run one after the other. */
  #lifecycle: Promise<void> = Promise.resolve();

  constructor(
    settings: ResolvedSettings,
    overrides: Partial<Platform>,
    factory: StateMachineFactory<Machine>,
  ) {
    this.settings = settings;
    this.#overrides = overrides;
    this.#factory = factory;
    this.members = new ReplicatedMembers<Machine>({
      id: settings.id,
      life: () => this.runtime().life,
      replica: () => this.runtime().replica,
      untilLeads: (id) => this.#untilLeads(id),
    });
  }

  get id(): NodeId {
    return this.settings.id;
  }

  get machine(): Machine {
    return this.runtime().slot.machine;
  }

  /** For simulators, see `inspect`: the inside of the node while it is open. */
  get inspection(): NodeInspection | undefined {
    return this.#failure === undefined ? this.#runtime?.inspection : undefined;
  }

  open(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#runtime !== undefined && this.#failure === undefined) return;
      await this.#runtime?.close();
      this.#runtime = undefined;
      this.#failure = undefined;
      this.#runtime = await openRuntime({
        settings: this.settings,
        overrides: this.#overrides,
        machine: this.#factory,
        leaderChanged: (leader, role, term) => {
          const change = { leader: leader === 0 ? undefined : leader, role, term };
          this.#tell(() => this.events.emit("leader", change));
        },
        membersChanged: () => {
          this.#tell(() => this.events.emit("members"));
        },
        failed: (error) => {
          this.#failure = error;
          this.#tell(() => this.events.emit("stopped", error));
        },
      });
    });
  }

  close(): Promise<void> {
    return this.#inOrder(async () => {
      const runtime = this.#runtime;
      this.#runtime = undefined;
      await runtime?.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A listener that throws is its owner's uncaught exception, and no reason for the node to stop. */
  #tell(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    const run = this.#lifecycle.then(step);
    this.#lifecycle = run.catch(() => undefined);
    return run;
  }

  async propose(command: Command): Promise<unknown> {
    checkCommand(command);
    const result = await this.runtime().replica.propose(command);
    if (result.ok) return result.value;
    throw result.error;
  }

  readBarrier(): Promise<number> {
    return this.runtimePromise(({ replica }) => replica.readIndex());
  }

  commits(options: {
    readonly from: number;
    readonly signal?: AbortSignal;
  }): AsyncIterableIterator<Commit> {
    const { from, signal } = options;
    if (!Number.isSafeInteger(from) || from < 1) {
      throw new TypeError(`from (${from}) must be a log index, at least 1`);
    }
    const { replica, ended } = this.runtime();
    return commitStream(replica, from, signal === undefined ? [ended] : [ended, signal]);
  }

  async status(): Promise<NodeStatus> {
    const runtime = this.#runtime;
    if (runtime === undefined || hasEnded(runtime)) return this.#endedStatus();
    const storeBytes = await sizeOf(runtime);
    // It may have been closed, or have stopped itself, in the meantime.
    return hasEnded(runtime) ? this.#endedStatus() : this.#openStatus(runtime, storeBytes);
  }

  #endedStatus(): NodeStatus {
    const { id, cluster, listen } = this.settings;
    return {
      ...emptyStatus(id, cluster.name, listen),
      state: this.#failure === undefined ? "closed" : "stopped",
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }

  #openStatus(runtime: Runtime<Machine>, storeBytes: number): NodeStatus {
    const { id, cluster } = this.settings;
    const core = runtime.replica.status();
    const { wal, transport, replica } = runtime;
    return {
      id,
      state: "open",
      cluster: cluster.name,
      address: `${transport.address.host}:${transport.address.port}`,
      role: core.role,
      leader: core.leader === 0 ? undefined : core.leader,
      term: core.term,
      commit: core.commit,
      applied: replica.applied.index,
      firstIndex: replica.log.firstIndex(),
      lastIndex: core.lastIndex,
      members: this.members.list(),
      pendingBytes: replica.pendingBytes,
      disk: {
        logBytes: wal.stats.bytes,
        logSegments: wal.stats.segments,
        storeBytes,
        syncs: wal.stats.syncs,
        appends: wal.stats.appends,
      },
      followers: [...core.progress]
        .filter(([member]) => member !== id)
        .map(([member, { match }]) => ({ id: member, match, active: replica.isAlive(member) })),
    };
  }

  /** Why the node stopped itself. */
  protected get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** The node is about to be closed: see `Replica.endReads`. */
  protected endReads(): void {
    this.#runtime?.replica.endReads();
  }

  protected runtime(): Runtime<Machine> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#runtime === undefined) {
      throw new HoldfastError("CLOSED", `node (${this.id}) is not open: call open() first`);
    }
    return this.#runtime;
  }

  protected async runtimePromise<T>(use: (runtime: Runtime<Machine>) => Promise<T>): Promise<T> {
    return await use(this.runtime());
  }

  async #untilLeads(id: NodeId): Promise<void> {
    const { replica, ended, clock } = this.runtime();
    if (replica.leader === id) return;
    const { electionMaxMs } = this.settings.raft;
    await new Promise<void>((resolve, reject) => {
      const done = (error?: HoldfastError): void => {
        timer.cancel();
        this.events.off("leader", look);
        ended.removeEventListener("abort", aborted);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = ({ leader }: { readonly leader: NodeId | undefined }): void => {
        if (leader === id) done();
      };
      const aborted = (): void => {
        done(ended.reason as HoldfastError);
      };
      const timer = clock.setTimer(electionMaxMs, () => {
        done(
          new HoldfastError(
            "UNAVAILABLE",
            `node (${id}) did not take over within (${electionMaxMs}) ms; the leader goes on`,
          ),
        );
      });
      this.events.on("leader", look);
      ended.addEventListener("abort", aborted);
    });
  }
}

function hasEnded({ ended }: { readonly ended: AbortSignal }): boolean {
  return ended.aborted;
}

/** The store may be closed, or replaced by a received one, while it is measured: then its size is not known. */
async function sizeOf<Machine extends StateMachine>({
  slot,
  ended,
}: Runtime<Machine>): Promise<number> {
  const { machine } = slot;
  try {
    return await machine.sizeBytes();
  } catch (error) {
    if (ended.aborted || slot.machine !== machine) return 0;
    throw error;
  }
}

function emptyStatus(
  id: NodeId,
  cluster: string,
  address: string,
): Omit<NodeStatus, "state" | "failure"> {
  return {
    id,
    cluster,
    address,
    role: "follower",
    leader: undefined,
    term: 0,
    commit: 0,
    applied: 0,
    firstIndex: 0,
    lastIndex: 0,
    members: [],
    pendingBytes: 0,
    disk: { logBytes: 0, logSegments: 0, storeBytes: 0, syncs: 0, appends: 0 },
    followers: [],
  };
}

/** What cannot be encoded would stop the node at the end of the turn. */
function checkCommand({ kind, body }: Command): void {
  if (!Number.isInteger(kind) || kind < FIRST_MACHINE_KIND || kind > LAST_KIND) {
    throw new TypeError(
      `kind (${kind}) of a command must be a whole number from (${FIRST_MACHINE_KIND}) to (${LAST_KIND})`,
    );
  }
  if (!(body instanceof Uint8Array)) throw new TypeError("body of a command must be a Uint8Array");
}
