import type { FrameKind } from "@holdfast/core/inspection";
import type { Message } from "raft-ts-lite";

/**
 * What becomes of a frame, as far as it is known when it is written:
 *
 * - `delivered`: it arrives, unless its connection breaks first;
 * - `lost`: it does not;
 * - `duplicated`: this is the second copy of a frame that was observed just before;
 * - `reordered`: later frames may overtake it;
 * - `held`: it waits for a cut to heal, or for the receiver to read.
 */
export type FrameFate = "delivered" | "lost" | "duplicated" | "reordered" | "held";

/** A frame that a process wrote. */
export interface ObservedFrame {
  readonly from: number;
  readonly to: number;
  readonly sentAt: number;
  readonly kind: FrameKind;
  /** Of `messages` frames; empty in all others. */
  readonly messages: readonly Message[];
  readonly fate: FrameFate;
  /** Absent when it is lost, and while it is held. */
  readonly arrivesAt?: number;
}

/** Takes note of frames. Called while the sender's code is running: it must not touch the cluster. */
export type FrameObserver = (frame: ObservedFrame) => void;
