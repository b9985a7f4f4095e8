import { HoldfastError } from "../errors.ts";
import type { KvCapture } from "../kv/kv-reader.ts";
import type { CallOrder } from "./call-order.ts";
import type { DatabasePort } from "./port.ts";

/** The local state captured at one moment, and the read index that tells whether it was recent enough. */
export class CapturedView {
  readonly capture: KvCapture;
  readonly #startRound: () => Promise<number>;
  #readIndex: Promise<number> | undefined;
  #ended: HoldfastError | undefined;

  /** `startRound` begins a ReadIndex round: at once, and again when that round failed. */
  constructor(capture: KvCapture, startRound: () => Promise<number>) {
    this.capture = capture;
    this.#startRound = startRound;
    // Whoever reads through the view sees the failure; a view that is closed unread must not bring the process down.
    this.#round().catch(() => undefined);
  }

  /** Set once the state was replaced by a received snapshot: what was captured is no longer there to read. */
  get ended(): HoldfastError | undefined {
    return this.#ended;
  }

  /** The two indexes whose order decides whether a linearizable read may answer from this view. */
  async indexes(): Promise<{ readonly read: number; readonly applied: number }> {
    const [read, applied] = await Promise.all([this.#round(), this.capture.appliedIndex()]);
    return { read, applied };
  }

  /** A round that is later than the capture asks for more than it must, never for less: so a failed one may be repeated. */
  async #round(): Promise<number> {
    this.#readIndex ??= this.#startRound();
    try {
      return await this.#readIndex;
    } catch (error) {
      this.#readIndex = undefined;
      throw error;
    }
  }

  /** Whether a linearizable read may answer from this view. `false` as well when it ended. */
  async isCurrent(): Promise<boolean> {
    try {
      const { read, applied } = await this.indexes();
      if (applied < read) return false;
    } catch (error) {
      // A view that ended while it was being asked may fail in any way.
      if (this.#ended === undefined) throw error;
    }
    return this.#ended === undefined;
  }

  /** Marks the captured state as gone. */
  end(): void {
    this.#ended ??= new HoldfastError(
      "SWITCHED",
      "the state was replaced by a received snapshot while it was being read: repeat the read",
    );
  }
}

/** Takes views, keeps writes behind them, and ends those that are open when the state is replaced. */
export class CapturedViews {
  readonly #port: DatabasePort;
  readonly #order: CallOrder;
  readonly #open = new Set<CapturedView>();
  #generation = 0;

  constructor(port: DatabasePort, order: CallOrder) {
    this.#port = port;
    this.#order = order;
  }

  /** How often the state was replaced so far. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Captures the local state of this moment and starts the round that tells whether it was recent enough; or none when the local
   * state is known to have reached the read index `known`.
   */
  take(known?: number): CapturedView {
    const view = this.#capture(known);
    if (known === undefined) this.#order.captured(view.indexes());
    return view;
  }

  /**
   * Captures the local state of this moment, and a later one if that turns out to be too old. The caller releases what it resolves
   * with, or with {@link SettlingView.abandon} what it will resolve with.
   */
  settle(): SettlingView {
    const settling = new SettlingView(this, this.#captureOrNone());
    this.#order.captured(settling.settled);
    return settling;
  }

  /** Waits until the local state is recent enough and captures it then. */
  async takeCurrent(): Promise<CapturedView> {
    return this.#capture(await this.#port.readBarrier());
  }

  /** Idempotent. */
  async release(view: CapturedView): Promise<void> {
    this.#open.delete(view);
    await view.capture.close();
  }

  /** The state was replaced. */
  endAll(): void {
    this.#generation++;
    for (const view of this.#open) view.end();
    this.#open.clear();
  }

  #capture(known?: number): CapturedView {
    const capture = this.#port.reader().capture();
    const startRound =
      known === undefined ? () => this.#port.readIndex() : () => Promise.resolve(known);
    const view = new CapturedView(capture, startRound);
    this.#open.add(view);
    return view;
  }

  #captureOrNone(): CapturedView | undefined {
    try {
      return this.#capture();
    } catch {
      // There is no state to capture while a received one is switched in. Settling captures one, or says why it cannot.
      return undefined;
    }
  }
}

/** A view on its way to be recent enough. */
export class SettlingView {
  /** Rejects when nobody can say how recent the local state is. That is final: a later answer would let later writes in. */
  readonly settled: Promise<CapturedView>;
  readonly #views: CapturedViews;
  #view: CapturedView | undefined;
  #abandoned = false;

  constructor(views: CapturedViews, first: CapturedView | undefined) {
    this.#views = views;
    this.#view = first;
    this.settled = this.#settle(first);
    // Whoever reads sees the failure; an iterator that is closed unread must not bring the process down.
    this.settled.catch(() => undefined);
  }

  /** Set once the settled view is gone because the state was replaced. */
  get ended(): HoldfastError | undefined {
    return this.#view?.ended;
  }

  /** Nobody wants it any more. Does not wait for it to settle. Idempotent. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    const view = this.#view;
    this.#view = undefined;
    if (view !== undefined) await this.#views.release(view);
  }

  async #settle(first: CapturedView | undefined): Promise<CapturedView> {
    if (first !== undefined && (await first.isCurrent())) return first;
    this.#view = undefined;
    if (first !== undefined) await this.#views.release(first);
    if (this.#abandoned) throw new HoldfastError("CLOSED", "iterator was closed");
    return await this.#keep(await this.#views.takeCurrent());
  }

  async #keep(view: CapturedView): Promise<CapturedView> {
    if (this.#abandoned) await this.#views.release(view);
    else this.#view = view;
    return view;
  }
}
