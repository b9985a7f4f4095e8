import type { Random } from "@holdfast/platform";
import type { World } from "../world/world.ts";
import type { LinkFaults } from "./link-faults.ts";

const PARTS = 1_000_000;
/** A delay is never longer than this many times what the mean adds. */
const LONGEST_DELAY = 20;
/** A packet that was lost is sent again after this long at most. */
const RETRANSMISSION_MS = 400;

/** What is drawn for a link, each from a stream of its own: see {@link World.random}. */
type Purpose =
  "delay" | "loss" | "duplication" | "reordering" | "slowness" | "reset" | "chunks" | "farewell";

/** The way from one host to another, which all connections between them share. */
export class Link {
  readonly from: number;
  readonly to: number;
  faults: LinkFaults;
  /** Nothing gets through. */
  cut = false;
  readonly #world: World;
  readonly #streams = new Map<Purpose, Random>();
  /** When the last byte that was handed over will have left. */
  #freeAt = 0;

  constructor(world: World, from: number, to: number, faults: LinkFaults) {
    this.#world = world;
    this.from = from;
    this.to = to;
    this.faults = faults;
  }

  /** `true` with this probability. Draws nothing for what cannot or must happen. */
  chance(purpose: Purpose, probability: number): boolean {
    if (probability <= 0) return false;
    return this.stream(purpose).integer(0, PARTS) < probability * PARTS;
  }

  /** How long a packet is under way. */
  delayMs(): number {
    const { delayMinMs, delayMeanMs } = this.faults;
    const mean = delayMeanMs - delayMinMs;
    if (mean <= 0) return delayMinMs;
    const uniform = (1 + this.stream("delay").integer(0, PARTS)) / PARTS;
    return delayMinMs + Math.min(-Math.log(uniform), LONGEST_DELAY) * mean;
  }

  /** How much longer a packet takes that others overtake, or that comes twice. */
  detourMs(purpose: Purpose): number {
    const { delayMeanMs } = this.faults;
    return (delayMeanMs * this.stream(purpose).integer(0, 10_000)) / 1_000;
  }

  /** How much longer a packet takes that TCP had to send again. */
  retransmissionMs(): number {
    return this.stream("slowness").integer(1_000, RETRANSMISSION_MS * 1_000) / 1_000;
  }

  /** When so many bytes that are handed over now arrive. */
  arrivalOf(bytes: number): number {
    const start = Math.max(this.#world.now, this.#freeAt);
    this.#freeAt = start + bytes / this.faults.bytesPerMs;
    return this.#freeAt + this.delayMs();
  }

  stream(purpose: Purpose): Random {
    const existing = this.#streams.get(purpose);
    if (existing !== undefined) return existing;
    const stream = this.#world.random(`network ${this.from}>${this.to} ${purpose}`);
    this.#streams.set(purpose, stream);
    return stream;
  }
}
