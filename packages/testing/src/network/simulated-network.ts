import type { Network, Random } from "@holdfast/platform";
import type { TraceSink } from "../trace/trace.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { World } from "../world/world.ts";
import { Attachment, type NetworkHost } from "./attachment.ts";
import { connect } from "./connect.ts";
import { Cuts } from "./cuts.ts";
import { FrameWatch } from "./frame-watch.ts";
import { Link } from "./link.ts";
import { NetworkFaults } from "./link-faults.ts";
import { FIRST_PORT, listen } from "./listen.ts";
import type { FrameObserver } from "./observed-frame.ts";
import { Pipe } from "./pipe.ts";
import { SimulatedConnection } from "./simulated-connection.ts";
import { Transmitter } from "./transmitter.ts";

/** How long a connection waits for an acknowledgement before it breaks. Real ones wait for minutes; simulations last seconds. */
const PATIENCE_MS = { lo: 1_000, hi: 8_000 } as const;
/** How long the end of a connection lives on when the other is gone and could not say so. */
const KEEP_ALIVE_MS = { lo: 5_000, hi: 20_000 } as const;

export interface SimulatedNetworkOptions {
  readonly world: World;
  /** For what no link is alone in. */
  readonly random: Random;
  readonly trace?: TraceSink;
}

/** One of the two ends for each side. */
interface Wire {
  readonly ends: readonly [SimulatedConnection, SimulatedConnection];
  readonly pipes: readonly [Pipe, Pipe];
}

/** A network of hosts with TCP between them, with the address `10.0.0.<host>` each, in simulated time. Without faults until told otherwise. */
export class SimulatedNetwork {
  /** What befalls packets by chance. */
  readonly faults: NetworkFaults;
  readonly #world: World;
  readonly #random: Random;
  readonly #watch: FrameWatch;
  readonly #cuts = new Cuts();
  readonly #hosts = new Map<number, NetworkHost>();
  readonly #links = new Map<string, Link>();
  readonly #wires = new Map<SimulatedConnection, Wire>();
  readonly #attachments = new Map<SimulatedProcess, Attachment>();
  readonly #shown = new Map<string, number>();

  constructor({ world, random, trace }: SimulatedNetworkOptions) {
    this.#world = world;
    this.#random = random;
    this.#watch = new FrameWatch(trace);
    this.faults = new NetworkFaults(() => {
      this.#rewire();
    });
  }

  /** How often each fault was seen at work. */
  get shown(): ReadonlyMap<string, number> {
    return this.#shown;
  }

  /** Calls `observer` whenever a process writes a frame, whatever becomes of it. */
  observe(observer: FrameObserver): void {
    this.#watch.observe(observer);
  }

  /** The network as a process on this host sees it. The host has power from now on. */
  attach(id: number, process: SimulatedProcess): Network {
    const host = this.#hosts.get(id) ?? {
      id,
      up: true,
      listeners: new Map(),
      lastPort: FIRST_PORT,
    };
    this.#hosts.set(id, host);
    host.up = true;
    const attachment = new Attachment(host, process);
    this.#attachments.set(process, attachment);
    return {
      listen: (address, accept) => listen(address, accept, attachment, this.#connector),
      connect: (address, { timeoutMs }) => connect(address, timeoutMs, attachment, this.#connector),
    };
  }

  /**
   * The process is gone. Its kernel says so to everybody it was connected with; `silent`: the whole host is, and cannot. Then the others
   * notice only when they send something and the host is back, or nothing is acknowledged for too long.
   */
  detach(process: SimulatedProcess, { silent }: { readonly silent: boolean }): void {
    const attachment = this.#attachments.get(process);
    if (attachment === undefined) return;
    this.#attachments.delete(process);
    const { host } = attachment;
    for (const [port, listener] of host.listeners) {
      if (listener.attachment === attachment) host.listeners.delete(port);
    }
    if (silent) host.up = false;
    for (const end of [...this.#wires.keys()]) {
      if (end.attachment !== attachment) continue;
      if (silent) end.vanish();
      else end.close();
    }
  }

  /** No group hears another. Cuts add up until `heal`. */
  partition(groups: readonly (readonly number[])[]): void {
    this.#cuts.partition(groups);
    this.#rewire();
  }

  /** Nothing gets to this host or away from it. */
  isolate(host: number): void {
    this.#cuts.isolate(host);
    this.#rewire();
  }

  /** Nothing gets from one host to the other. */
  blockOneWay(from: number, to: number): void {
    this.#cuts.blockOneWay(from, to);
    this.#rewire();
  }

  /** As `isolate`, but nothing heals it. */
  quarantine(host: number): void {
    this.#cuts.quarantine(host);
    this.#rewire();
  }

  /** Undoes all cuts but quarantines. What TCP could not deliver is sent again. */
  heal(): void {
    this.#cuts.heal();
    this.#rewire();
  }

  #rewire(): void {
    for (const link of this.#links.values()) this.#refresh(link);
    const pipes = new Set<Pipe>();
    for (const wire of this.#wires.values()) for (const pipe of wire.pipes) pipes.add(pipe);
    for (const pipe of pipes) pipe.rewire();
  }

  #refresh(link: Link): void {
    link.faults = this.faults.of(link.from, link.to);
    link.cut = link.faults.blocked || this.#cuts.isCut(link.from, link.to);
  }

  #link(from: number, to: number): Link {
    const key = `${from}>${to}`;
    const existing = this.#links.get(key);
    if (existing !== undefined) return existing;
    const link = new Link(this.#world, from, to, this.faults.of(from, to));
    this.#refresh(link);
    this.#links.set(key, link);
    return link;
  }

  #hit(what: string): void {
    this.#shown.set(what, (this.#shown.get(what) ?? 0) + 1);
  }

  readonly #connector = {
    after: (delayMs: number, callback: () => void): void => {
      this.#world.after(delayMs, callback);
    },
    host: (id: number): NetworkHost | undefined => this.#hosts.get(id),
    link: (from: number, to: number): Link => this.#link(from, to),
    hit: (what: string): void => {
      this.#hit(what);
    },
    wire: (dialler: Attachment, listener: Attachment, names: readonly [string, string]) =>
      this.#wire(dialler, listener, names),
  };

  /** A connection, whose ends see each other under these names. */
  #wire(
    dialler: Attachment,
    listener: Attachment,
    [near, far]: readonly [string, string],
  ): readonly [SimulatedConnection, SimulatedConnection] {
    const there = this.#link(dialler.host.id, listener.host.id);
    const back = this.#link(listener.host.id, dialler.host.id);
    const ends = [this.#end(dialler, far, there), this.#end(listener, near, back)] as const;
    const pipes = [
      new Pipe(this.#world, there, back, ends[0], ends[1]),
      new Pipe(this.#world, back, there, ends[1], ends[0]),
    ] as const;
    ends[0].join(pipes[0], pipes[1]);
    ends[1].join(pipes[1], pipes[0]);
    for (const end of ends) this.#wires.set(end, { ends, pipes });
    return ends;
  }

  #end(attachment: Attachment, remote: string, link: Link): SimulatedConnection {
    const transmitter = new Transmitter({
      world: this.#world,
      watch: this.#watch,
      link,
      hit: (what) => {
        this.#hit(what);
      },
      reset: () => {
        this.#reset(end);
      },
    });
    const end: SimulatedConnection = new SimulatedConnection({
      attachment,
      remote,
      closesWithReset: () => link.chance("farewell", 0.5),
      patienceMs: () => this.#random.integer(PATIENCE_MS.lo, PATIENCE_MS.hi),
      transmit: (outgoing, bytes) => {
        transmitter.transmit(outgoing, bytes);
      },
      left: (left) => {
        this.#left(left);
      },
    });
    return end;
  }

  /** A connection breaks, for both, while what was just written is under way. */
  #reset(end: SimulatedConnection): void {
    const wire = this.#wires.get(end);
    if (wire === undefined) return;
    const { host } = end.attachment;
    this.#world.after(this.#link(host.id, host.id).delayMs(), () => {
      for (const each of wire.ends) each.lose("ECONNRESET");
    });
  }

  #left(end: SimulatedConnection): void {
    const wire = this.#wires.get(end);
    if (wire === undefined) return;
    const [one, other] = wire.ends;
    const peer = end === one ? other : one;
    if (peer.gone) {
      this.#wires.delete(one);
      this.#wires.delete(other);
      return;
    }
    const keepAliveMs = this.#random.integer(KEEP_ALIVE_MS.lo, KEEP_ALIVE_MS.hi);
    this.#world.after(keepAliveMs, () => {
      if (peer.gone) return;
      this.#hit("keep-alive-limit");
      peer.lose("ETIMEDOUT");
    });
  }
}
