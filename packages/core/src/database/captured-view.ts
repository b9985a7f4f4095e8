import { HoldfastError } from "../errors.ts";
import type { KvCapture } from "../kv/kv-reader.ts";
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

  /** Marks the captured state as gone. */
  end(): void {
    this.#ended ??= new HoldfastError(
      "SWITCHED",
      "the state was replaced by a received snapshot while it was being read: repeat the read",
    );
  }
}

/** Takes views, and ends those that are open when the state is replaced. */
export class CapturedViews {
  readonly #port: DatabasePort;
  readonly #open = new Set<CapturedView>();
  #generation = 0;

  constructor(port: DatabasePort) {
    this.#port = port;
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
    const capture = this.#port.reader().capture();
    const round =
      known === undefined ? this.#port.readIndex.bind(this.#port) : () => Promise.resolve(known);
    const view = new CapturedView(capture, round);
    this.#open.add(view);
    return view;
  }

  /** Waits until the local state is recent enough and captures it then. */
  async takeCurrent(): Promise<CapturedView> {
    return this.take(await this.#port.readBarrier());
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
}
