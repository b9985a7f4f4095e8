import { HoldfastError, type HoldfastNode, type NodeSettings } from "@holdfast/core";
import { inspect } from "@holdfast/core/inspection";
import type { Platform } from "@holdfast/platform";
import { SimulatedDisk } from "../disk/simulated-disk.ts";
import type { NodeView } from "../invariants/invariant.ts";
import type { SimulatedNetwork } from "../network/simulated-network.ts";
import { SimulatedStores } from "../store/simulated-stores.ts";
import type { TraceSink } from "../trace/trace.ts";
import { HostClock } from "../world/host-clock.ts";
import { HostProcess } from "../world/host-process.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { OutsideWorld } from "../world/world.ts";

/** What a node is opened with on a simulated host. */
export interface HostContext {
  readonly settings: NodeSettings;
  readonly platform: Platform;
  readonly process: SimulatedProcess;
  readonly stores: SimulatedStores;
}

/** Opens the node under test. */
export type NodeOpener<Node extends HoldfastNode> = (context: HostContext) => Promise<Node>;

export interface HostOptions<Node extends HoldfastNode> {
  readonly id: number;
  readonly world: OutsideWorld;
  readonly network: SimulatedNetwork;
  readonly settings: NodeSettings;
  readonly open: NodeOpener<Node>;
  readonly trace: TraceSink | undefined;
  /** Code of the node is about to run. */
  readonly entering: (host: SimulatedHost<Node>) => void;
  /** The node opened, failed to open, or stopped itself. */
  readonly changed: (host: SimulatedHost<Node>) => void;
  /** The process of the node has ended, however. */
  readonly ended: (host: SimulatedHost<Node>) => void;
}

/**
 * - `down`: no process;
 * - `opening`, `open`: what they say;
 * - `failed`: the node stopped itself or could not be opened, see `failure`.
 */
export type HostState = "down" | "opening" | "open" | "failed";

/** The process that somebody waited for died. */
export class ProcessDied extends Error {
  override readonly name = "ProcessDied";
}

/** A machine with a disk, a clock and a place in the network, which outlive the processes of the node that runs on it. */
export class SimulatedHost<Node extends HoldfastNode = HoldfastNode> {
  readonly id: number;
  readonly disk: SimulatedDisk;
  readonly stores: SimulatedStores;
  readonly clock: HostClock;
  readonly #options: HostOptions<Node>;
  #process: HostProcess | undefined;
  #node: Node | undefined;
  #state: HostState = "down";
  #failure: Error | undefined;
  #life = 0;
  #incarnation = 1;
  #pauses = 0;
  #view: NodeView | undefined;
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(options: HostOptions<Node>) {
    const { id, world, trace } = options;
    this.#options = options;
    this.id = id;
    const random = world.random(`host ${id}`);
    this.clock = new HostClock(world, random.integer(0, 1_000_000));
    const sink = trace === undefined ? {} : { trace };
    this.disk = new SimulatedDisk({ world, random: world.random(`disk ${id}`), host: id, ...sink });
    this.stores = new SimulatedStores({ world, random: world.random(`stores ${id}`), host: id });
  }

  get state(): HostState {
    return this.#state;
  }

  /** Why the node failed. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  get life(): number {
    return this.#life;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** The open node. */
  get node(): Node | undefined {
    return this.#state === "open" ? this.#node : undefined;
  }

  get paused(): boolean {
    return this.#process?.paused ?? false;
  }

  /** What invariants see of it: `undefined` unless its node is open. */
  view(): NodeView | undefined {
    const { node } = this;
    const inspection = node === undefined ? undefined : inspect(node);
    if (inspection === undefined) return undefined;
    if (this.#view?.inspection === inspection) return this.#view;
    const { id, life, incarnation } = this;
    this.#view = { id, life, incarnation, inspection };
    return this.#view;
  }

  /** Starts a process that opens the node. */
  start(): void {
    if (this.#process !== undefined) this.#end(false);
    const { world, network, settings, open } = this.#options;
    const process = new HostProcess(world, this.id, () => {
      this.#options.entering(this);
    });
    this.#process = process;
    this.#life += 1;
    this.#state = "opening";
    this.#failure = undefined;
    const random = world.random(`node ${this.id} life ${this.#life}`);
    const platform: Platform = {
      clock: this.clock.view(process),
      random,
      scheduler: {
        endOfTurn: (callback) => {
          process.after(0, callback);
        },
      },
      disk: this.disk.mount(process),
      network: network.attach(this.id, process),
    };
    process.after(0, () => {
      open({ settings, platform, process, stores: this.stores }).then(
        (node) => {
          if (process.alive) this.#opened(process, node);
        },
        (error: unknown) => {
          if (process.alive) this.#failed(asError(error));
        },
      );
    });
  }

  #opened(process: HostProcess, node: Node): void {
    this.#node = node;
    this.#state = "open";
    node.events.on("stopped", (error) => {
      if (process.alive) this.#failed(error);
    });
    this.#trace("opened");
    this.#options.changed(this);
  }

  #failed(error: Error): void {
    this.#state = "failed";
    this.#failure = error;
    this.#trace(`failed: ${codeOf(error)}: ${error.message}`);
    this.#options.changed(this);
  }

  /** The process dies; with `power` the machine does, and loses what it had not synced, or parts of it. */
  crash({ power }: { readonly power: boolean }): void {
    if (this.#process === undefined) return;
    this.#trace(power ? "power lost" : "killed");
    this.#end(power);
    this.#state = "down";
  }

  #end(power: boolean): void {
    const process = this.#process;
    if (process === undefined) return;
    process.kill();
    this.#options.world.stir();
    this.#process = undefined;
    this.#node = undefined;
    this.#options.ended(this);
    this.#options.network.detach(process, { silent: power });
    this.disk.crash({ power });
    this.stores.crash({ power });
    for (const reject of [...this.#waiting]) reject(new ProcessDied(`node (${this.id}) died`));
    this.#waiting.clear();
  }

  /** Takes everything off the disk. Only while no process runs. */
  wipe(): void {
    this.#trace("disk wiped");
    this.disk.wipe();
    this.#incarnation += 1;
  }

  /** Nothing of the process runs for so long. */
  pause(forMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#pauses += 1;
    const pause = this.#pauses;
    process.pause();
    this.#trace(`paused for ${forMs.toFixed(0)} ms`);
    this.#options.world.after(forMs, () => {
      // A longer pause that began meanwhile goes on.
      if (pause === this.#pauses) this.resume();
    });
  }

  resume(): void {
    this.#process?.resume();
  }

  /** Calls into the node, as code of its process would. Rejects with {@link ProcessDied} when the process ends first. */
  call<T>(run: (node: Node) => Promise<T>): Promise<T> {
    const process = this.#process;
    return new Promise<T>((resolve, reject) => {
      if (process === undefined) {
        reject(new ProcessDied(`node (${this.id}) is down`));
        return;
      }
      this.#waiting.add(reject);
      process.after(0, () => {
        this.#run(run)
          .then(resolve, reject)
          .finally(() => this.#waiting.delete(reject));
      });
    });
  }

  async #run<T>(run: (node: Node) => Promise<T>): Promise<T> {
    const { node } = this;
    if (node === undefined) throw new ProcessDied(`node (${this.id}) is not open`);
    return await run(node);
  }

  #trace(text: string): void {
    this.#options.trace?.({ at: this.#options.world.now, kind: "node", node: this.id, text });
  }
}

/** The code of a {@link HoldfastError}, or the name of another error. */
export function codeOf(error: unknown): string {
  if (error instanceof HoldfastError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
