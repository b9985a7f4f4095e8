import { fail } from "./errors.ts";
import type { Inflights } from "./inflights.ts";

/**
 * `probe`: where the follower's log ends is not known; one append at a time finds it. `replicate`: it is known, and
 * appends are pipelined up to the in-flight limits. `snapshot`: a snapshot is on its way, nothing else is sent.
 */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** What a status shows of a member's progress. */
export interface ProgressView {
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly isLearner: boolean;
  /** Whether appends with entries must wait. */
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  readonly recentActive: boolean;
  /** Appends sent and not acknowledged. */
  readonly inflight: number;
  readonly inflightFull: boolean;
}

/**
 * A leader's view of one member, itself included. The log up to `match` is known to be the member's, and `next` is the
 * first entry that was not sent yet: `0 <= match < next` always.
 */
export class Progress {
  match: number;
  next: number;
  state: ProgressState = "probe";
  /** In state `snapshot`: the index of the snapshot that was sent; 0 otherwise. */
  pendingSnapshot = 0;
  /** Whether anything was heard from the member since the last quorum check. */
  recentActive: boolean;
  /**
   * No append is sent until this falls again, by an acknowledgement or a heartbeat response. It bounds what goes to a
   * member that may be gone: one append per heartbeat interval.
   */
  msgAppFlowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;
  // The highest commit index sent while it could matter. It may regress when messages turn out lost.
  #sentCommit = 0;

  constructor(initial: {
    readonly match: number;
    readonly next: number;
    readonly inflights: Inflights;
    readonly isLearner: boolean;
    readonly recentActive: boolean;
  }) {
    this.match = initial.match;
    this.next = initial.next;
    this.inflights = initial.inflights;
    this.isLearner = initial.isLearner;
    this.recentActive = initial.recentActive;
  }

  /** A copy that can be changed apart, but for the in-flight window, which both share: only one of them lives on. */
  copy(): Progress {
    const copy = new Progress(this);
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    copy.#sentCommit = this.#sentCommit;
    return copy;
  }

  /** Starts over from what is known to match, or from the snapshot that was sent, which may have arrived. */
  becomeProbe(): void {
    const next =
      this.state === "snapshot" ? Math.max(this.match, this.pendingSnapshot) + 1 : this.match + 1;
    this.#resetState("probe");
    this.next = next;
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#resetState("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#resetState("snapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.#sentCommit = index;
  }

  /** Notes an append of `count` entries and `bytes` bytes that starts at `next`; `count` 0 is a probe or a bare commit index. */
  sentEntries(count: number, bytes: number): void {
    switch (this.state) {
      case "replicate":
        if (count > 0) {
          this.next += count;
          this.inflights.add(this.next - 1, bytes);
        }
        // The append that fills the window counts as a probe: a heartbeat response lets one more pass.
        this.msgAppFlowPaused = this.inflights.full();
        return;
      case "probe":
        if (count > 0) this.msgAppFlowPaused = true;
        return;
      case "snapshot":
        fail("append sent while a snapshot is pending");
    }
  }

  /** Whether sending commit index `commit` could tell the member something new: it knows at most `next − 1` entries. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  /** Notes that commit index `commit` was sent. */
  noteSentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** Takes an acknowledgement up to `index`; false when it tells nothing new. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * Takes the rejection of an append that followed entry `rejected`; the member suggests that logs may agree up to
   * `matchHint`. False when the rejection is stale: messages may be reordered and repeated.
   */
  maybeDecrTo(rejected: number, matchHint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
      return true;
    }
    // Probes go out one by one, so a rejection of anything but the last one is stale.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /** Whether appends with entries must wait. */
  isPaused(): boolean {
    return this.state === "snapshot" || this.msgAppFlowPaused;
  }

  view(): ProgressView {
    return {
      match: this.match,
      next: this.next,
      state: this.state,
      isLearner: this.isLearner,
      paused: this.isPaused(),
      pendingSnapshot: this.pendingSnapshot,
      recentActive: this.recentActive,
      inflight: this.inflights.count,
      inflightFull: this.inflights.full(),
    };
  }

  #resetState(state: ProgressState): void {
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }
}
