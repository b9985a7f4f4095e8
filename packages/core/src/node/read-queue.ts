import type { ReadToken } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";

interface Waiter {
  readonly deadline: number;
  readonly resolve: (index: number) => void;
  readonly reject: (error: HoldfastError) => void;
}

interface Round {
  readonly waiters: readonly Waiter[];
  readonly startedAt: number;
}

/**
 * Linearizable reads. All that are asked for in one turn share one ReadIndex round (thesis 6.4); a round that got no answer, which the
 * core may drop silently, is started again under a new token. Synchronous; the time is passed in.
 */
export class ReadQueue {
  #asked: Waiter[] = [];
  readonly #rounds = new Map<ReadToken, Round>();
  /** Confirmed at an index that is not applied yet, in order of index. */
  #behind: { readonly index: number; readonly waiter: Waiter }[] = [];
  /** Nobody waits longer than this, whatever their deadline. */
  #closing = Number.POSITIVE_INFINITY;

  /** Whether a round has to be started. */
  get hasWork(): boolean {
    return this.#asked.length > 0;
  }

  /** Resolves with the read index once the local state holds it. */
  add(deadline: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ deadline, resolve, reject });
    });
  }

  /** Starts one round for all that asked. */
  flush(start: () => ReadToken, now: number): void {
    if (this.#asked.length === 0) return;
    this.#rounds.set(start(), { waiters: this.#asked, startedAt: now });
    this.#asked = [];
  }

  /** The round is confirmed: the state at `index` answers it. */
  confirmed(token: ReadToken, index: number, applied: number): void {
    const round = this.#rounds.get(token);
    if (round === undefined) return;
    this.#rounds.delete(token);
    for (const waiter of round.waiters) {
      if (index <= applied) waiter.resolve(index);
      else this.#behind.push({ index, waiter });
    }
  }

  /** The local state holds everything up to `applied`. */
  advance(applied: number): void {
    if (this.#behind.length === 0) return;
    this.#behind = this.#behind.filter(({ index, waiter }) => {
      if (index > applied) return true;
      waiter.resolve(index);
      return false;
    });
  }

  /** Starts rounds again that are older than `retryAfter`, and ends waiters that are overdue. */
  expire(now: number, retryAfter: number): void {
    const late = (waiter: Waiter): boolean => {
      if (Math.min(waiter.deadline, this.#closing) > now) return false;
      waiter.reject(
        this.#closing <= now
          ? new HoldfastError("CLOSED", "the node is being closed")
          : new HoldfastError(
              "UNAVAILABLE",
              "no quorum confirmed the read before its deadline; try again",
            ),
      );
      return true;
    };
    for (const [token, { waiters, startedAt }] of this.#rounds) {
      const left = waiters.filter((waiter) => !late(waiter));
      const again = now - startedAt >= retryAfter;
      if (again) this.#asked.push(...left);
      if (again || left.length === 0) this.#rounds.delete(token);
      else if (left.length < waiters.length) this.#rounds.set(token, { waiters: left, startedAt });
    }
    this.#asked = this.#asked.filter((waiter) => !late(waiter));
    this.#behind = this.#behind.filter(({ waiter }) => !late(waiter));
  }

  /** From `time` on, nobody waits any more. */
  closeAt(time: number): void {
    this.#closing = time;
  }

  /** Ends everything. */
  failAll(error: () => HoldfastError): void {
    const rounds = [...this.#rounds.values()].flatMap(({ waiters }) => waiters);
    const behind = this.#behind.map(({ waiter }) => waiter);
    for (const waiter of [...this.#asked, ...rounds, ...behind]) waiter.reject(error());
    this.#asked = [];
    this.#behind = [];
    this.#rounds.clear();
  }
}
