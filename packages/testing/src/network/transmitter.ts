import { FrameTap } from "@holdfast/core/inspection";
import type { World } from "../world/world.ts";
import { type CutFrame, cutFrames } from "./frame-cutter.ts";
import type { FrameWatch } from "./frame-watch.ts";
import type { Link } from "./link.ts";
import type { FrameFate } from "./observed-frame.ts";
import type { Pipe } from "./pipe.ts";

/** Bytes that are no frames travel in pieces of this size at most. */
const PIECE_BYTES = 64 * 1024;

export interface TransmitterOptions {
  readonly world: World;
  readonly watch: FrameWatch;
  readonly link: Link;
  readonly hit: (fault: string) => void;
  /** Breaks the connection. */
  readonly reset: () => void;
}

/** Decides what becomes of everything that one end of a connection writes. */
export class Transmitter {
  readonly #options: TransmitterOptions;
  /** What was written once was no frame, so that nobody knows where the next one begins. */
  #isRaw = false;

  constructor(options: TransmitterOptions) {
    this.#options = options;
  }

  transmit(pipe: Pipe, written: Buffer): void {
    const frames = this.#isRaw ? undefined : cutFrames(written);
    if (frames !== undefined) {
      for (const frame of frames) this.#frame(pipe, frame);
      return;
    }
    this.#isRaw = true;
    for (let at = 0; at < written.length; at += PIECE_BYTES) {
      this.#send(pipe, written.subarray(at, at + PIECE_BYTES), 0);
    }
  }

  #frame(pipe: Pipe, frame: CutFrame): void {
    const { link, watch, world } = this.#options;
    const messages = watch.read(frame);
    const shown = { from: link.from, to: link.to, sentAt: world.now, kind: frame.kind, messages };
    if (frame.kind !== "messages") {
      const arrivesAt = this.#send(pipe, frame.bytes, 0);
      watch.show({ ...shown, fate: arrivesAt === undefined ? "held" : "delivered" }, arrivesAt);
      return;
    }
    const { lossProbability, duplicateProbability, reorderProbability } = link.faults;
    const lost = link.chance("loss", lossProbability);
    const reordered = link.chance("reordering", reorderProbability);
    const duplicated = link.chance("duplication", duplicateProbability) && mayComeTwice(frame);
    if (lost) {
      this.#options.hit("message-loss");
      // Drawn all the same: without the loss, the delays of all others are what they were.
      link.delayMs();
      watch.show({ ...shown, fate: "lost" }, undefined);
      return;
    }
    if (reordered) this.#options.hit("message-reordering");
    const detour = reordered ? link.detourMs("reordering") : 0;
    const arrivesAt = this.#send(pipe, frame.bytes, detour, !reordered);
    const fate: FrameFate = reordered ? "reordered" : "delivered";
    watch.show({ ...shown, fate: arrivesAt === undefined ? "held" : fate }, arrivesAt);
    if (!duplicated) return;
    const copyArrivesAt = pipe.sendCopy(Buffer.from(frame.bytes), link.detourMs("duplication"));
    if (copyArrivesAt === undefined) return;
    this.#options.hit("message-duplication");
    watch.show({ ...shown, fate: "duplicated" }, copyArrivesAt);
  }

  #send(pipe: Pipe, bytes: Buffer, detour: number, inOrder = true): number | undefined {
    const { link, hit, reset } = this.#options;
    const slow = link.chance("slowness", link.faults.slowProbability);
    if (slow) hit("message-delay");
    const extraMs = detour + (slow ? link.retransmissionMs() : 0);
    const arrivesAt = pipe.send(bytes, { extraMs, inOrder });
    if (link.chance("reset", link.faults.resetProbability)) {
      hit("connection-reset");
      reset();
    }
    return arrivesAt;
  }
}

/**
 * Raft's own messages may come twice. Forwarded proposals come at most once, as TCP promises and the transport with it: a node hands a batch over again only
 * when the term that it was handed over for has lost it.
 */
function mayComeTwice({ bytes }: CutFrame): boolean {
  const frames = new FrameTap().push(bytes);
  return frames.every(({ messages }) => messages.every(({ type }) => type !== "Propose"));
}
