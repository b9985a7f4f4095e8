import { HoldfastError } from "../errors.ts";
import type { CommittedEntry, StateMachine } from "../machine/state-machine.ts";
import { openCommitted } from "./committed-entries.ts";
import type { Replica } from "./replica.ts";

const READ_BYTES = 1_048_576;

/** One entry of the commit stream. */
export type Commit = Omit<CommittedEntry, "configuration">;

/**
 * Committed entries from index `from` on, in order and without a gap, then those to come. Throws `COMPACTED` when `from`, or what a slow
 * consumer still has to read, was cut off the log. Throws the reason of the first of `signals` that aborts.
 */
export async function* commitStream<Machine extends StateMachine>(
  replica: Replica<Machine>,
  from: number,
  signals: readonly AbortSignal[],
): AsyncGenerator<Commit, void, undefined> {
  let next = from;
  for (;;) {
    for (const signal of signals) signal.throwIfAborted();
    const { log } = replica;
    const { index } = replica.applied;
    // While a received snapshot is switched in, the state is already ahead of the log.
    if (next > index || index > log.lastIndex()) {
      await appliedBeyond(replica, next, signals);
      continue;
    }
    if (next < log.firstIndex()) {
      throw new HoldfastError(
        "COMPACTED",
        `commits from (${next}) on are gone, the log begins at (${log.firstIndex()}): start over from a snapshot`,
      );
    }
    for (const entry of await log.read(next, index + 1, READ_BYTES)) {
      const { members, confState } = replica.applied;
      const { committed } = openCommitted(entry, () => confState, members);
      yield {
        index: committed.index,
        term: committed.term,
        logTime: committed.logTime,
        epoch: committed.epoch,
        commands: committed.commands,
      };
      next = entry.index + 1;
    }
  }
}

async function appliedBeyond<Machine extends StateMachine>(
  replica: Replica<Machine>,
  index: number,
  signals: readonly AbortSignal[],
): Promise<void> {
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      off();
      for (const signal of signals) signal.removeEventListener("abort", wake);
      resolve();
    };
    const off = replica.onApplied((applied) => {
      if (applied >= index) wake();
    });
    for (const signal of signals) signal.addEventListener("abort", wake);
    // Nothing is missed: since the caller looked, no other code has run.
  });
}
