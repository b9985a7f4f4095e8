import {
  type Address,
  type Clock,
  type Connection,
  type ConnectionHandler,
  type Listener,
  type Network,
  NetworkError,
  type Platform,
  prng,
  type Timer,
} from "@holdfast/platform";

/** A clock that stands still until told to move. */
export class FakeClock implements Clock {
  #now = 0;
  #timers: { readonly due: number; readonly callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now;
  }

  /** How many calls are pending. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next pending call. */
  get nextIn(): number {
    return Math.min(...this.#timers.map(({ due }) => due)) - this.#now;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { due: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Moves on and makes the calls that fall due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.due <= end);
      const next = due.reduce<(typeof due)[number] | undefined>(
        (first, timer) => (first === undefined || timer.due < first.due ? timer : first),
        undefined,
      );
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
    }
    this.#now = end;
  }
}

/** One end of a connection in memory. Bytes move when the network is told to. */
class FakeConnection implements Connection {
  readonly remote: string;
  other: FakeConnection | undefined;
  /** Whether this end takes what the other one wrote. */
  reading = true;
  closedByUs = false;
  #handler: ConnectionHandler | undefined;
  #outgoing: Buffer[] = [];
  #closed = false;

  constructor(remote: string) {
    this.remote = remote;
  }

  get bufferedBytes(): number {
    return this.#outgoing.reduce((sum, { length }) => sum + length, 0);
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  write(buffers: readonly Uint8Array[]): void {
    if (!this.closedByUs && !this.#closed) this.#outgoing.push(Buffer.concat(buffers));
  }

  setReading(on: boolean): void {
    this.reading = on;
  }

  end(): void {
    this.closedByUs = true;
  }

  destroy(): void {
    this.#outgoing = [];
    this.closedByUs = true;
  }

  /** Moves what was written to the other end; whether anything happened. */
  pump(): boolean {
    const { other } = this;
    if (other === undefined || this.#closed) return false;
    if (this.#outgoing.length > 0 && other.reading && other.#handler !== undefined) {
      const bytes = Buffer.concat(this.#outgoing);
      this.#outgoing = [];
      if (!other.closedByUs) other.#handler.data(bytes);
      this.#handler?.drained();
      return true;
    }
    if (this.closedByUs && this.#outgoing.length === 0) {
      this.break();
      return true;
    }
    return false;
  }

  /** Both ends see the connection end. */
  break(): void {
    for (const end of [this, this.other]) {
      if (end === undefined || end.#closed) continue;
      end.#closed = true;
      end.#handler?.closed();
    }
  }
}

/** What happens to whoever dials an address. */
export type FakeReaction = "accept" | "refuse" | "hang";

/** A network in memory: nothing moves by itself. */
class FakeNetwork implements Network {
  readonly dialled: string[] = [];
  readonly connections: FakeConnection[] = [];
  readonly reactions = new Map<string, FakeReaction>();
  readonly #listeners = new Map<string, (connection: Connection) => void>();
  #hanging: (() => void)[] = [];

  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener> {
    const key = `${address.host}:${address.port}`;
    this.#listeners.set(key, accept);
    const close = (): Promise<void> => {
      this.#listeners.delete(key);
      return Promise.resolve();
    };
    return Promise.resolve({ address, close });
  }

  async connect(address: Address): Promise<Connection> {
    const key = `${address.host}:${address.port}`;
    this.dialled.push(key);
    if (this.reactions.get(key) === "hang") {
      await new Promise<void>((resolve) => this.#hanging.push(resolve));
    }
    const accept = this.#listeners.get(key);
    if (accept === undefined || this.reactions.get(key) === "refuse") {
      throw new NetworkError("REFUSED", `nobody listens on ${key}`);
    }
    const [near, far] = [new FakeConnection(key), new FakeConnection("dialler")];
    near.other = far;
    far.other = near;
    this.connections.push(near, far);
    accept(far);
    return near;
  }

  /** Attempts that hang go on. */
  release(): void {
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const resume of hanging) resume();
  }

  pump(): boolean {
    return this.connections.map((connection) => connection.pump()).includes(true);
  }
}

/** A whole world that only moves when a test says so. */
export class FakeWorld {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork();
  readonly random: Platform["random"];
  #turn: (() => void)[] = [];
  readonly scheduler = {
    endOfTurn: (callback: () => void): void => void this.#turn.push(callback),
  };

  constructor(seed = 1) {
    this.random = prng(seed);
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let busy = true; busy;) {
      // Every pending promise reaction runs before the next phase of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const turn = this.#turn;
      this.#turn = [];
      for (const callback of turn) callback();
      busy = this.network.pump() || turn.length > 0;
    }
  }

  /** Lets time pass, in steps so small that nothing due is passed over unsettled. */
  async pass(ms: number, step = ms): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      this.clock.advance(step);
      await this.settle();
    }
  }
}
