import { HoldfastError } from "../errors.ts";
import {
  type Command,
  sealBatch,
  sealedBatchBytes,
  sealedCommandBytes,
  type BatchOrigin,
} from "../format/sealed-batch.ts";
import { payloadBuffer } from "../format/sealed-entry.ts";
import type { CommandResult } from "../machine/state-machine.ts";

export interface ProposalQueueOptions {
  readonly origin: { readonly node: number; readonly incarnation: number };
  /** Most commands in one entry. */
  readonly batchSize: number;
  /** An entry is closed once it holds this many bytes. */
  readonly entryBytes: number;
  readonly maxPendingBytes: number;
  /** A larger command could be appended here and would reach nobody. */
  readonly maxCommandBytes: number;
}

/** Takes payloads while this node may hand them over: to its own core when it leads, to the leader otherwise. */
export interface ProposalSink {
  /** The term in which a payload may enter the log, and in no other. */
  readonly term: number;
  /** Whether this node leads, and so takes along what others forwarded in this term. */
  readonly leads: boolean;
  /** `false`: not now, try again later. */
  readonly hand: (data: Uint8Array) => boolean;
}

/** What a command came to, and its place: index of the entry, position of the command in it. */
export interface PlacedResult {
  readonly result: CommandResult;
  readonly index: number;
  readonly position: number;
}

interface Settler {
  readonly resolve: (result: CommandResult, index: number, position: number) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** Commands of one turn, sealed together under one sequence number. */
interface Batch {
  readonly sequence: number;
  readonly commands: Command[];
  readonly settlers: Settler[];
  readonly deadline: number;
  bytes: number;
  /** The term in which it was handed over; 0 before. */
  term: number;
  /** A later one of this node was applied: from here on it would break the order. */
  overtaken: boolean;
}

interface ForeignBatch {
  readonly data: Uint8Array;
  readonly term: number;
}

/**
 * Turns the commands of one turn of the event loop into few entries, and every command into exactly one outcome. Synchronous; the
 * time is passed in.
 *
 * A batch is handed over for one term: only that term's leader may append it, and only while it leads. Terms never fall along the log, so once an entry of a later
 * term is applied and the batch was not among those before it, it never will be. It is then handed over again, which cannot apply it twice. Until that is known nothing new is handed over,
 * so that commands keep the order in which they were given.
 */
export class ProposalQueue {
  readonly #options: ProposalQueueOptions;
  /** Not handed over, in order. The last one may still grow. */
  #queue: Batch[] = [];
  /** Handed over, by sequence, in order; their terms never fall. */
  readonly #handed = new Map<number, Batch>();
  #foreign: ForeignBatch[] = [];
  #foreignBytes = 0;
  #sequence = 0;
  #pendingBytes = 0;
  /** The queue's last batch takes no more commands: its turn is over. */
  #closed = true;

  constructor(options: ProposalQueueOptions) {
    this.#options = options;
  }

  /** Bytes of commands whose outcome is open. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Whether anything waits to be handed over. */
  get hasWork(): boolean {
    return this.#queue.length > 0 || this.#foreign.length > 0;
  }

  /** Adds a command to the current turn. The body must not change until it is settled. */
  add(command: Command, deadline: number): Promise<CommandResult> {
    const batch = this.#admit(command, deadline);
    if (batch instanceof HoldfastError) return Promise.reject(batch);
    return new Promise((resolve, reject) => {
      batch.settlers.push({ resolve, reject });
    });
  }

  /** As {@link ProposalQueue.add}, for who wants to know the command's place as well. */
  addPlaced(command: Command, deadline: number): Promise<PlacedResult> {
    const batch = this.#admit(command, deadline);
    if (batch instanceof HoldfastError) return Promise.reject(batch);
    return new Promise((resolve, reject) => {
      const settle = (result: CommandResult, index: number, position: number): void =>
        resolve({ result, index, position });
      batch.settlers.push({ resolve: settle, reject });
    });
  }

  /** The batch that took the command, or why it is refused. */
  #admit(command: Command, deadline: number): Batch | HoldfastError {
    const bytes = sealedCommandBytes(command);
    const { maxCommandBytes, maxPendingBytes } = this.#options;
    if (bytes > maxCommandBytes) {
      return new HoldfastError(
        "TOO_LARGE",
        `command of (${bytes}) bytes, encoded, does not fit a frame of maxFrameBytes (at most ${maxCommandBytes}): split it, or raise the limit on every node`,
      );
    }
    // One may always go, so that a command which fits by itself is never refused for ever.
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
      return new HoldfastError(
        "OVERLOADED",
        `commands waiting for their outcome would exceed maxPendingBytes (${maxPendingBytes}); wait for earlier writes`,
      );
    }
    const batch = this.#batchFor(bytes, deadline);
    batch.commands.push(command);
    batch.bytes += bytes;
    this.#pendingBytes += bytes;
    return batch;
  }

  #batchFor(bytes: number, deadline: number): Batch {
    const last = this.#closed ? undefined : this.#queue.at(-1);
    if (
      last !== undefined &&
      last.commands.length < this.#options.batchSize &&
      last.bytes + bytes <= this.#options.entryBytes
    ) {
      return last;
    }
    this.#closed = false;
    this.#sequence += 1;
    const batch: Batch = {
      sequence: this.#sequence,
      commands: [],
      settlers: [],
      deadline,
      bytes: 0,
      term: 0,
      overtaken: false,
    };
    this.#queue.push(batch);
    return batch;
  }

  /** Adds the sealed batches that a follower forwarded for `term`; they join this node's next entry as they are. */
  addForeign(data: Uint8Array, term: number): void {
    // Dropped like a lost message: its proposer has a deadline, and this node's memory a bound.
    if (this.#foreignBytes > 0 && this.#foreignBytes + data.length > this.#options.maxPendingBytes)
      return;
    this.#foreign.push({ data, term });
    this.#foreignBytes += data.length;
  }

  /** Ends the turn: hands over as much as `sink` takes, in order. Without a sink, no leader is known. */
  flush(sink: ProposalSink | undefined): void {
    this.#closed = true;
    if (sink === undefined) return;
    this.#dropForeign(({ term }) => !sink.leads || term !== sink.term);
    const [oldest] = this.#handed.values();
    if (oldest !== undefined && oldest.term < sink.term) return;
    for (;;) {
      const batch = this.#queue[0];
      const along = this.#foreignWithin(
        this.#options.entryBytes - (batch?.bytes ?? 0),
        batch === undefined,
      );
      if (batch === undefined && along.length === 0) return;
      if (!sink.hand(this.#payload(batch, along))) return;
      this.#dropForeign((foreign) => along.includes(foreign));
      if (batch === undefined) continue;
      this.#queue.shift();
      batch.term = sink.term;
      this.#handed.set(batch.sequence, batch);
    }
  }

  /** As many forwarded batches as fit, at least one where there is nothing else to send. */
  #foreignWithin(room: number, alone: boolean): readonly ForeignBatch[] {
    let count = 0;
    let bytes = 0;
    for (const { data } of this.#foreign) {
      bytes += data.length;
      if (bytes > room && !(alone && count === 0)) break;
      count += 1;
    }
    return this.#foreign.slice(0, count);
  }

  #dropForeign(drop: (foreign: ForeignBatch) => boolean): void {
    if (this.#foreign.length === 0) return;
    this.#foreign = this.#foreign.filter((foreign) => {
      if (!drop(foreign)) return true;
      this.#foreignBytes -= foreign.data.length;
      return false;
    });
  }

  #payload(batch: Batch | undefined, foreign: readonly ForeignBatch[]): Uint8Array {
    let bytes = batch === undefined ? 0 : sealedBatchBytes(batch.commands);
    for (const { data } of foreign) bytes += data.length;
    const target = payloadBuffer(bytes);
    let at = 0;
    if (batch !== undefined) {
      const origin: BatchOrigin = { ...this.#options.origin, sequence: batch.sequence };
      at = sealBatch(target, 0, origin, batch.commands);
    }
    for (const { data } of foreign) {
      target.set(data, at);
      at += data.length;
    }
    return target;
  }

  /** Settles a batch of this node that was applied as the commands from `first` on of entry `index`; `results` holds one per command. */
  settleApplied(
    sequence: number,
    results: readonly CommandResult[],
    index: number,
    first: number,
  ): void {
    const batch = this.#handed.get(sequence);
    if (batch === undefined) return;
    this.#handed.delete(sequence);
    for (const earlier of this.#handed.values()) {
      if (earlier.sequence > sequence) break;
      earlier.overtaken = true;
    }
    this.#pendingBytes -= batch.bytes;
    batch.settlers.forEach(({ resolve, reject }, i) => {
      const result = results[i];
      if (result === undefined)
        reject(new HoldfastError("STOPPED", "state machine gave no result"));
      else resolve(result, index, first + i);
    });
  }

  /** An entry of `term` was applied: what was handed over for an earlier one and is not settled was lost, and is handed over again. */
  reclaim(term: number): void {
    const lost: Batch[] = [];
    for (const batch of this.#handed.values()) {
      if (batch.term >= term) break;
      lost.push(batch);
    }
    if (lost.length === 0) return;
    const again = lost.filter((batch) => !batch.overtaken);
    for (const batch of lost) if (batch.overtaken) this.#fail(batch, overtakenError());
    for (const batch of again) {
      this.#handed.delete(batch.sequence);
      batch.term = 0;
    }
    this.#queue = [...again, ...this.#queue];
  }

  /** A snapshot replaced part of the log unseen: what was handed over may have been in it or not. */
  settleSnapshot(): void {
    for (const batch of [...this.#handed.values()]) {
      this.#fail(
        batch,
        new HoldfastError("UNKNOWN", "a snapshot replaced the log before the outcome was known"),
      );
    }
  }

  /** Settles what is overdue at `now`. */
  expire(now: number): void {
    for (const batch of [...this.#handed.values(), ...this.#queue]) {
      if (batch.deadline > now) break;
      this.#fail(batch, deadlineError(batch));
    }
  }

  /** Settles everything; `queued` is the error of what was never handed over, `handed` that of the rest. */
  failAll(queued: () => HoldfastError, handed: () => HoldfastError): void {
    for (const batch of [...this.#handed.values()]) this.#fail(batch, handed());
    for (const batch of this.#queue) this.#fail(batch, queued());
    this.#foreign = [];
    this.#foreignBytes = 0;
  }

  #fail(batch: Batch, error: HoldfastError): void {
    if (!this.#handed.delete(batch.sequence)) {
      this.#queue = this.#queue.filter((queued) => queued !== batch);
    }
    this.#pendingBytes -= batch.bytes;
    for (const { reject } of batch.settlers) reject(error);
  }
}

function overtakenError(): HoldfastError {
  return new HoldfastError(
    "NOT_COMMITTED",
    "the command was lost on its way to the leader, and later ones were applied; it had no effect and can be repeated",
  );
}

function deadlineError(batch: Batch): HoldfastError {
  return batch.term > 0
    ? new HoldfastError(
        "UNKNOWN",
        "no outcome before the deadline; the command may still take effect: repeat it only if that is harmless",
      )
    : new HoldfastError(
        "NOT_COMMITTED",
        "no leader took the command before the deadline; it had no effect and can be repeated",
      );
}
