// A queue of jobs: whoever claims a job has it for a while, and the job is gone once it is acknowledged.
import {
  type Command,
  type CommandResult,
  type MemoryMachine,
  memoryMachine,
  type StateMachineFactory,
} from "@holdfast/core";

/** The right to work on a job, from one log time to another. */
export interface Claim {
  readonly job: number;
  readonly body: string;
  /** Later claims have higher numbers. */
  readonly number: number;
  readonly from: number;
  readonly until: number;
}

export interface Queue {
  /** Of jobs and claims. */
  nextNumber: number;
  /** In the order in which they were pushed. */
  readonly jobs: Map<number, { readonly body: string; claim: number; until: number }>;
}

type QueueCommand =
  | { readonly type: "push"; readonly body: string }
  | { readonly type: "claim"; readonly forMs: number }
  | { readonly type: "ack"; readonly job: number; readonly claim: number };

/** The state machine: give it to `openMachine`, and to `simulate`. */
export const queueMachine: StateMachineFactory<MemoryMachine<Queue>> = memoryMachine<Queue>({
  format: "queue/1",
  initial: () => ({ nextNumber: 1, jobs: new Map() }),
  apply: (queue, { body }, { logTime }) =>
    carryOut(queue, JSON.parse(Buffer.from(body).toString()) as QueueCommand, logTime),
  encode: ({ nextNumber, jobs }) => Buffer.from(JSON.stringify({ nextNumber, jobs: [...jobs] })),
  decode: (bytes) => {
    const { nextNumber, jobs } = JSON.parse(Buffer.from(bytes).toString()) as {
      readonly nextNumber: number;
      readonly jobs: readonly [number, { body: string; claim: number; until: number }][];
    };
    return { nextNumber, jobs: new Map(jobs) };
  },
});

function carryOut(queue: Queue, command: QueueCommand, logTime: number): CommandResult {
  switch (command.type) {
    case "push": {
      const job = queue.nextNumber++;
      queue.jobs.set(job, { body: command.body, claim: 0, until: 0 });
      return { ok: true, value: job };
    }
    case "claim":
      return { ok: true, value: claimFirst(queue, logTime, command.forMs) };
    case "ack": {
      // Whoever was too slow, and lost the job to a later claim, must not take it away from its new owner.
      const isOwner = queue.jobs.get(command.job)?.claim === command.claim;
      if (isOwner) queue.jobs.delete(command.job);
      return { ok: true, value: isOwner };
    }
  }
}

function claimFirst(queue: Queue, from: number, forMs: number): Claim | undefined {
  for (const [job, entry] of queue.jobs) {
    if (entry.until > from) continue;
    entry.claim = queue.nextNumber++;
    entry.until = from + forMs;
    return { job, body: entry.body, number: entry.claim, from, until: entry.until };
  }
  return undefined;
}

/** What replicates a command: a node, or a client of a simulation. */
interface Proposer {
  propose(command: Command): Promise<unknown>;
}

/** Resolves with the number of the job once it is safe. */
export async function push(on: Proposer, body: string): Promise<number> {
  return (await on.propose(encode({ type: "push", body }))) as number;
}

/** The first job that nobody has, for so long; `undefined` when there is none. */
export async function claim(on: Proposer, forMs: number): Promise<Claim | undefined> {
  return (await on.propose(encode({ type: "claim", forMs }))) as Claim | undefined;
}

/** The job is done. `false` when it was too late: somebody else has claimed it since. */
export async function acknowledge(on: Proposer, { job, number }: Claim): Promise<boolean> {
  return (await on.propose(encode({ type: "ack", job, claim: number }))) as boolean;
}

function encode(command: QueueCommand): Command {
  return { kind: 0x40, body: Buffer.from(JSON.stringify(command)) };
}
