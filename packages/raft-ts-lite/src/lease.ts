import type { NodeId, ReadToken } from "./message.ts";

/** A round of heartbeats whose answers may extend the lease. */
interface LeaseRound {
  readonly token: ReadToken;
  readonly sentAt: number;
  readonly acks: Map<NodeId, boolean>;
}

/**
 * The time during which no other leader can be elected (thesis 6.4.1). Whoever answers a heartbeat promises not to vote
 * for `electionTicks` from hearing it, so a quorum of answers to one round gives a lease that starts when that round was
 * *sent*, not when the answers came. Rounds are told apart by their tokens: a late answer extends nothing.
 *
 * One tick is taken off because the sender's tick may have been almost over, one because a follower's first tick may
 * come at once, and `driftTicks` for clocks of different speed.
 */
export class Lease {
  readonly #length: number;
  readonly #maxRounds: number;
  #rounds: LeaseRound[] = [];
  #startedAt = -Infinity;
  #forbidden = false;

  constructor(electionTicks: number, driftTicks: number) {
    this.#length = electionTicks - 1 - driftTicks;
    this.#maxRounds = electionTicks;
  }

  /** A round under `token` leaves at tick `now`; sent again under the same token it is still the first one. */
  begin(token: ReadToken, now: number, self: NodeId): void {
    if (this.#rounds.some((round) => round.token === token)) return;
    this.#rounds.push({ token, sentAt: now, acks: new Map([[self, true]]) });
    if (this.#rounds.length > this.#maxRounds) this.#rounds.shift();
  }

  /** `from` answered the round `token`; `isQuorum` decides whether that is enough. */
  acknowledge(
    token: ReadToken,
    from: NodeId,
    isQuorum: (acks: ReadonlyMap<NodeId, boolean>) => boolean,
  ): void {
    const at = this.#rounds.findIndex((round) => round.token === token);
    const round = this.#rounds[at];
    if (round === undefined) return;
    round.acks.set(from, true);
    if (!isQuorum(round.acks)) return;
    this.#startedAt = round.sentAt;
    // Earlier rounds can only give an earlier start.
    this.#rounds.splice(0, at + 1);
  }

  holds(now: number): boolean {
    return !this.#forbidden && now - this.#startedAt < this.#length;
  }

  /** Ticks were late or lost: what was counted so far says nothing. Rounds sent from here on count again. */
  void(): void {
    this.#rounds = [];
    this.#startedAt = -Infinity;
  }

  /**
   * No lease for the rest of the term. A member was told to campaign at once, and voters answer it inside any lease;
   * that message may arrive arbitrarily late, also after the transfer was given up.
   */
  forbid(): void {
    this.#forbidden = true;
  }

  /** A new term. */
  reset(): void {
    this.void();
    this.#forbidden = false;
  }
}
