import { expect, test } from "vitest";
import { openBatches } from "../../src/format/sealed-batch.ts";
import { ProposalQueue, type ProposalSink } from "../../src/node/proposal-queue.ts";

/** A queue of which every command is a batch of its own, and what became of them in the log of a leader. */
class Follower {
  readonly #queue: ProposalQueue = new ProposalQueue({
    origin: { node: 1, incarnation: 7 },
    batchSize: 1,
    entryBytes: 1_000,
    maxPendingBytes: 1_000,
    maxCommandBytes: 1_000,
  });
  /** Sequences of the batches that reached the leader, in order. */
  readonly sent: number[] = [];
  readonly outcomes: Map<number, string> = new Map<number, string>();

  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }

  propose(name: number): void {
    this.#queue.add({ kind: 0x40, body: new Uint8Array(1) }, 1_000).then(
      () => this.outcomes.set(name, "applied"),
      (error: unknown) => this.outcomes.set(name, (error as { readonly code: string }).code),
    );
  }

  /** Ends the turn under the leader of `term`. `arrives`: what is sent now is not lost. */
  flush(term: number, arrives: boolean): void {
    const hand: ProposalSink["hand"] = (data) => {
      for (const { origin } of openBatches(data, true))
        if (arrives) this.sent.push(origin.sequence);
      return true;
    };
    this.#queue.flush({ term, leads: false, hand });
  }

  /** An entry of `term` with these batches is applied. */
  async apply(term: number, ...sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) {
      this.#queue.settleApplied(sequence, [{ ok: true, value: undefined }]);
    }
    this.#queue.reclaim(term);
    await Promise.resolve();
  }
}

test("what a term lost is handed over again in the next one, in the order of the calls", async () => {
  const follower = new Follower();
  follower.propose(1);
  follower.flush(2, false);
  follower.propose(2);
  follower.flush(2, false);
  follower.propose(3);
  // Whether the first two are in the log is not known before an entry of the new term is applied.
  follower.flush(3, true);
  expect(follower.sent).toEqual([]);
  await follower.apply(3);
  follower.flush(3, true);
  expect(follower.sent).toEqual([1, 2, 3]);
  await follower.apply(3, 1, 2, 3);
  expect([...follower.outcomes.values()]).toEqual(["applied", "applied", "applied"]);
  expect(follower.pendingBytes).toBe(0);
});

test("what was lost is not handed over behind a later one that was applied", async () => {
  const follower = new Follower();
  follower.propose(1);
  follower.flush(2, false);
  follower.propose(2);
  follower.flush(2, true);
  await follower.apply(2, 2);
  expect(follower.outcomes.get(1)).toBeUndefined();
  await follower.apply(3);
  follower.flush(3, true);
  expect(follower.sent).toEqual([2]);
  expect(follower.outcomes.get(1)).toBe("NOT_COMMITTED");
  expect(follower.pendingBytes).toBe(0);
});
