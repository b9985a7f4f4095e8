import type { Timer } from "@holdfast/platform";
import type { World } from "../world/world.ts";
import type { Link } from "./link.ts";

/** What one side of a connection holds in flight: more stays with the sender, for whom that is back-pressure. */
const WINDOW_BYTES = 1024 * 1024;
/** How long a sender tries to reach a host that has no power before it tries again. */
const RETRY_MS = 1_000;
/** Timers may come a little early, by what floating point leaves. */
const EPSILON_MS = 1e-6;

/** The receiving end of a pipe. */
export interface PipeTarget {
  /** No process has this end any more. */
  readonly gone: boolean;
  /** Whether the host answers at all. */
  readonly hostIsUp: boolean;
  /** Whether data and the end of it are taken now. */
  readonly accepts: boolean;
  /** As that of the receiving process. */
  after(delayMs: number, callback: () => void): Timer;
  deliver(bytes: Uint8Array): void;
  /** The other side has said goodbye. */
  finished(): void;
  /** The other side knows nothing of this connection (any more). */
  lose(reason: string): void;
}

/** The sending end of a pipe. */
export interface PipeSource {
  /** Everything that was written has left the process. */
  emptied(): void;
  lose(reason: string): void;
  /** How long this connection waits for an acknowledgement. Drawn anew for each wait. */
  patienceMs(): number;
}

/** How a frame or a piece of a stream travels. */
export interface Travel {
  /** How much longer than others of its size. */
  readonly extraMs: number;
  /** Whether it arrives after what was sent before, and before what is sent later. */
  readonly inOrder: boolean;
}

interface Parcel extends Travel {
  readonly type: "data" | "fin" | "reset";
  readonly bytes: Uint8Array;
  /** A second copy takes no room in the window. */
  readonly counted: boolean;
  /** The rest of a parcel that arrived in part: nothing comes in between. */
  readonly rest: boolean;
  readonly arrivesAt: number;
}

const NOTHING = new Uint8Array(0);
const IN_ORDER: Travel = { extraMs: 0, inOrder: true };
const FIN = { ...IN_ORDER, type: "fin", bytes: NOTHING, counted: false, rest: false } as const;
const RESET = { ...FIN, type: "reset" } as const;

/** One direction of a connection. */
export class Pipe {
  readonly #world: World;
  readonly #link: Link;
  readonly #back: Link;
  readonly #source: PipeSource;
  readonly #target: PipeTarget;
  /** Still in the process that wrote it. */
  #backlog: Omit<Parcel, "arrivesAt">[] = [];
  #backlogBytes = 0;
  /** On the way, or arrived and not read yet, by the time of arrival. */
  readonly #flight: Parcel[] = [];
  /** Bytes that left and were not acknowledged as read. */
  #outstanding = 0;
  /** Bytes that were read, but the acknowledgement does not get through. */
  #unacknowledged = 0;
  #lastArrival = 0;
  #latestArrival = 0;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #patience: Timer | undefined;

  constructor(world: World, link: Link, back: Link, source: PipeSource, target: PipeTarget) {
    this.#world = world;
    this.#link = link;
    this.#back = back;
    this.#source = source;
    this.#target = target;
  }

  /** Bytes that have not left the process that wrote them. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  get isEmptied(): boolean {
    return this.#backlog.length === 0;
  }

  /** Returns when it arrives; `undefined` when that is open. */
  send(bytes: Uint8Array, travel: Travel = IN_ORDER): number | undefined {
    const parcel = { ...travel, type: "data", bytes, counted: true, rest: false } as const;
    if (!this.isEmptied || this.#outstanding >= WINDOW_BYTES) {
      this.#backlog.push(parcel);
      this.#backlogBytes += bytes.length;
      return undefined;
    }
    const arrivesAt = this.#depart(parcel);
    return this.#link.cut ? undefined : arrivesAt;
  }

  /** A copy of what was just sent. */
  sendCopy(bytes: Uint8Array, extraMs: number): number | undefined {
    if (!this.isEmptied) return undefined;
    const arrivesAt = Math.max(this.#lastArrival, this.#world.now) + extraMs;
    const way = { extraMs, inOrder: false, rest: false } as const;
    this.#insert({ ...way, type: "data", bytes, counted: false, arrivesAt });
    return this.#link.cut ? undefined : arrivesAt;
  }

  /** The end of the data, behind all of it. */
  sendFin(): void {
    if (this.isEmptied) this.#depart(FIN);
    else this.#backlog.push(FIN);
  }

  /** The sender is gone, and so is what had not left it. With `reset`, what is on its way is worth nothing either. */
  abandon(reset: boolean): void {
    this.#backlog = [];
    this.#backlogBytes = 0;
    if (reset || this.#target.gone) this.#drop();
    if (this.#target.gone) return;
    this.#depart(reset ? RESET : FIN);
  }

  /** The sender lost its power, or gave up: it sends nothing again that did not get through. */
  vanish(): void {
    this.#backlog = [];
    this.#backlogBytes = 0;
    this.#patience?.cancel();
    this.#patience = undefined;
    if (this.#link.cut || this.#target.gone) this.#drop();
  }

  /** The receiver reads on, or is gone. */
  poke(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#arm();
  }

  /** One of the links was cut or has healed. */
  rewire(): void {
    if (!this.#back.cut) {
      const read = this.#unacknowledged;
      this.#unacknowledged = 0;
      this.#acknowledge(read);
    }
    if (this.#isStalled()) {
      this.#wait();
      return;
    }
    this.#patience?.cancel();
    this.#patience = undefined;
    const head = this.#flight[0];
    if (this.#link.cut || head === undefined || this.#timer !== undefined) return;
    this.#armAt(Math.max(head.arrivesAt, this.#world.now + this.#link.retransmissionMs()));
  }

  #isStalled(): boolean {
    if (this.#link.cut && this.#flight.length > 0) return true;
    return this.#back.cut && this.#outstanding > 0;
  }

  #depart(parcel: Omit<Parcel, "arrivesAt">): number {
    const { bytes, inOrder, extraMs } = parcel;
    const soonest = parcel.type === "fin" ? this.#latestArrival : this.#lastArrival;
    const arrivesAt = Math.max(this.#link.arrivalOf(bytes.length), soonest) + extraMs;
    if (inOrder) this.#lastArrival = arrivesAt;
    if (parcel.counted) this.#outstanding += bytes.length;
    this.#insert({ ...parcel, arrivesAt });
    return arrivesAt;
  }

  #insert(parcel: Parcel): void {
    const flight = this.#flight;
    this.#latestArrival = Math.max(this.#latestArrival, parcel.arrivesAt);
    let at = flight.length;
    while (at > 0) {
      const before = flight[at - 1];
      if (before === undefined || before.rest || before.arrivesAt <= parcel.arrivesAt) break;
      at -= 1;
    }
    flight.splice(at, 0, parcel);
    if (this.#isStalled()) this.#wait();
    this.#arm();
  }

  #arm(): void {
    const head = this.#flight[0];
    if (head !== undefined) this.#armAt(head.arrivesAt);
  }

  #armAt(at: number): void {
    if (this.#timer !== undefined && this.#timerAt <= at) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    const arrive = (): void => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      this.#arrive();
    };
    const delayMs = at - this.#world.now;
    // The kernel of the host answers when its process is dead.
    this.#timer = this.#target.gone
      ? this.#world.after(delayMs, arrive)
      : this.#target.after(delayMs, arrive);
  }

  #arrive(): void {
    if (this.#flight.length === 0) return;
    if (this.#link.cut) {
      // A reset is not sent again; everything else is.
      if (this.#flight[0]?.type === "reset") this.#drop();
      else this.#wait();
      return;
    }
    if (this.#target.gone) this.#bounce();
    else this.#deliver();
  }

  /** Something arrives where nobody is. */
  #bounce(): void {
    if (!this.#target.hostIsUp) {
      this.#wait();
      this.#armAt(this.#world.now + RETRY_MS);
      return;
    }
    this.#drop();
    this.#world.after(this.#back.delayMs(), () => {
      if (!this.#back.cut) this.#source.lose("ECONNRESET");
    });
  }

  #deliver(): void {
    const dice = this.#link.stream("chunks").integer(0, 16);
    if (dice === 0) this.#splitHead();
    for (;;) {
      const parcel = this.#flight[0];
      if (parcel === undefined) return;
      if (parcel.arrivesAt > this.#world.now + EPSILON_MS) break;
      if (parcel.type === "reset") {
        this.#drop();
        this.#target.lose("ECONNRESET");
        return;
      }
      if (!this.#target.accepts) return;
      this.#flight.shift();
      if (parcel.type === "fin") {
        this.#target.finished();
        return;
      }
      const bytes = dice === 1 ? this.#joined(parcel) : parcel.bytes;
      if (dice !== 1) this.#read(parcel);
      this.#target.deliver(bytes);
      // Its handler may have closed it; then what remains has a timer already.
      if (this.#target.gone) return;
    }
    this.#arm();
  }

  /** What arrives in one piece at one time arrives in two. */
  #splitHead(): void {
    const head = this.#flight[0];
    if (head?.type !== "data" || head.bytes.length < 2) return;
    const cut = this.#link.stream("chunks").integer(1, head.bytes.length);
    const later = this.#world.now + this.#link.detourMs("chunks") / 10;
    const rest = { ...head, bytes: head.bytes.subarray(cut), rest: true, arrivesAt: later };
    this.#flight.splice(0, 1, { ...head, bytes: head.bytes.subarray(0, cut) }, rest);
  }

  /** This parcel and all others that have arrived, as one piece. */
  #joined(first: Parcel): Uint8Array {
    const parts = [first.bytes];
    this.#read(first);
    for (;;) {
      const next = this.#flight[0];
      if (next?.type !== "data" || next.arrivesAt > this.#world.now + EPSILON_MS) break;
      this.#flight.shift();
      this.#read(next);
      parts.push(next.bytes);
    }
    return parts.length === 1 ? first.bytes : Buffer.concat(parts);
  }

  #read({ bytes, counted }: Parcel): void {
    if (!counted) return;
    if (this.#back.cut) {
      this.#unacknowledged += bytes.length;
      this.#wait();
    } else {
      this.#acknowledge(bytes.length);
    }
  }

  #acknowledge(bytes: number): void {
    this.#outstanding -= bytes;
    if (this.isEmptied) return;
    while (this.#outstanding < WINDOW_BYTES) {
      const next = this.#backlog.shift();
      if (next === undefined) break;
      this.#backlogBytes -= next.bytes.length;
      this.#depart(next);
    }
    if (this.#backlog.length === 0) this.#source.emptied();
  }

  #drop(): void {
    this.#flight.length = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  /** Nothing is acknowledged: the sender tries for a while. */
  #wait(): void {
    this.#patience ??= this.#world.after(this.#source.patienceMs(), () => {
      this.#patience = undefined;
      if (this.#isStalled() || (this.#target.gone && this.#flight.length > 0)) {
        this.#drop();
        this.#source.lose("ETIMEDOUT");
      }
    });
  }
}
