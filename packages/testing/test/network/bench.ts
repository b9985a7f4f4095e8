import type { Connection, ConnectionHandler, Network, Platform } from "@holdfast/platform";
import type { ObservedFrame } from "../../src/network/observed-frame.ts";
import { SimulatedNetwork } from "../../src/network/simulated-network.ts";
import type { TraceEvent } from "../../src/trace/trace.ts";
import { HostClock } from "../../src/world/host-clock.ts";
import { HostProcess } from "../../src/world/host-process.ts";
import { SimulatedWorld } from "../../src/world/world.ts";

/** Writes down what a connection tells, and when. */
export class Ear implements ConnectionHandler {
  readonly connection: Connection;
  readonly calls: string[] = [];
  readonly arrivals: number[] = [];
  error: Error | undefined;
  readonly #world: SimulatedWorld;
  #chunks: Uint8Array[] = [];

  constructor(world: SimulatedWorld, connection: Connection) {
    this.#world = world;
    this.connection = connection;
    connection.start(this);
  }

  /** What `data` was called with, joined. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get pieces(): number {
    return this.#chunks.length;
  }

  forget(): void {
    this.#chunks = [];
  }

  get isClosed(): boolean {
    return this.calls.includes("closed");
  }

  data(bytes: Uint8Array): void {
    if (this.calls.at(-1) !== "data") this.calls.push("data");
    this.arrivals.push(this.#world.now);
    this.#chunks.push(bytes);
  }

  drained(): void {
    this.calls.push("drained");
  }

  closed(error?: Error): void {
    this.calls.push("closed");
    this.error = error;
  }
}

/** A network of some hosts, with a process on each. */
export class Bench {
  readonly world: SimulatedWorld;
  readonly network: SimulatedNetwork;
  readonly trace: TraceEvent[] = [];
  readonly observed: ObservedFrame[] = [];
  readonly processes = new Map<number, HostProcess>();
  readonly #networks = new Map<number, Network>();

  constructor(seed = 1, { traced = false, observed = false } = {}) {
    this.world = new SimulatedWorld(seed);
    this.network = new SimulatedNetwork({
      world: this.world,
      random: this.world.random("network"),
      ...(traced ? { trace: (event: TraceEvent) => void this.trace.push(event) } : {}),
    });
    if (observed) this.network.observe((frame) => this.observed.push(frame));
  }

  /** Starts a process on a host. */
  start(host: number): Network {
    const process = new HostProcess(this.world, host, () => undefined);
    const network = this.network.attach(host, process);
    this.processes.set(host, process);
    this.#networks.set(host, network);
    return network;
  }

  host(id: number): Network {
    return this.#networks.get(id) ?? this.start(id);
  }

  process(id: number): HostProcess {
    this.host(id);
    const process = this.processes.get(id);
    if (process === undefined) throw new Error(`no process on host (${id})`);
    return process;
  }

  kill(host: number, { silent }: { readonly silent: boolean }): void {
    const process = this.process(host);
    process.kill();
    this.network.detach(process, { silent });
    this.processes.delete(host);
    this.#networks.delete(host);
  }

  /** A platform without a disk, for transports. */
  platform(host: number): Omit<Platform, "disk"> {
    const process = this.process(host);
    return {
      clock: new HostClock(this.world, 0).view(process),
      random: this.world.random(`node ${host}`),
      scheduler: { endOfTurn: (callback) => void process.after(0, callback) },
      network: this.host(host),
    };
  }

  /** Lets everything run that promises have set off. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const end = this.world.now + ms;
    this.world.after(ms, () => undefined);
    await this.settle();
    while ((this.world.nextAt ?? Infinity) <= end) {
      this.world.step();
      if (this.world.takeStirred()) await this.settle();
    }
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    const ends: unknown[] = [];
    const ended = (): void => void ends.push(promise);
    promise.then(ended, ended);
    await this.settle();
    while (ends.length === 0) {
      if (!this.world.step()) throw new Error("nothing happens any more");
      await this.settle();
    }
    return promise;
  }

  /** A connection from one host to another, both ends started. */
  async pair(from = 1, to = 2, port = 0): Promise<[dialler: Ear, listener: Ear]> {
    let accepted: Ear | undefined;
    const listener = await this.host(to).listen({ host: `10.0.0.${to}`, port }, (connection) => {
      accepted = new Ear(this.world, connection);
    });
    const connection = await this.until(
      this.host(from).connect(listener.address, { timeoutMs: 1_000 }),
    );
    await listener.close();
    if (accepted === undefined) throw new Error("connected and not accepted");
    return [new Ear(this.world, connection), accepted];
  }
}
