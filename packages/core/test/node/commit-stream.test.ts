import { expect, test } from "vitest";
import type { StateMachine } from "../../src/machine/state-machine.ts";
import { commitStream } from "../../src/node/commit-stream.ts";
import type { Replica } from "../../src/node/replica.ts";

/** A replica at `applied` over a log `[first, last]`, as far as a commit stream looks at it. */
class StandIn {
  applied = { index: 0 };
  first = 1;
  last = 0;
  readonly listeners = new Set<(index: number) => void>();
  readonly log = {
    firstIndex: (): number => this.first,
    lastIndex: (): number => this.last,
    read: (lo: number, hi: number): Promise<never> =>
      Promise.reject(new Error(`entries [${lo}, ${hi}) are not in the log`)),
  };

  onApplied(listener: (index: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

test("a stream that looks while a snapshot is switched in says COMPACTED, and reads no log that is gone", async () => {
  const replica = new StandIn();
  // The state is switched in; the log restarts a moment later.
  replica.applied = { index: 40 };
  replica.last = 9;
  const commits = commitStream(replica as unknown as Replica<StateMachine>, 5, []);
  const next = commits.next();
  // Without a listener it did not wait, and rejects by itself.
  replica.first = 41;
  replica.last = 40;
  for (const listener of [...replica.listeners]) listener(40);
  await expect(next).rejects.toMatchObject({ code: "COMPACTED" });
  expect(replica.listeners.size).toBe(0);
});
