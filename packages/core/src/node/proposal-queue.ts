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
}

/** Where an entry that this node appended as leader stands in the log. */
export interface LogPosition {
  readonly term: number;
  readonly index: number;
}

interface Settler {
  readonly resolve: (result: CommandResult) => void;
  readonly reject: (error: HoldfastError) => void;
}

/** Commands of one turn, sealed together under one sequence number. */
interface Batch {
  readonly sequence: number;
  readonly commands: Command[];
  readonly settlers: Settler[];
  readonly deadline: number;
  bytes: number;
  /** Handed to the core: from here on its outcome is open. */
  handed: boolean;
}

/** A payload that is ready to be proposed, and the batches of this node in it. */
interface Outgoing {
  readonly data: Uint8Array;
  readonly batches: readonly Batch[];
}

/** Tries to hand a payload to the core. `undefined`: not now, try again later. */
export type Propose = (data: Uint8Array) => LogPosition | "forwarded" | undefined;

/**
 * Turns the commands of one turn of the event loop into few entries, and every command into exactly one outcome. Synchronous; the
 * time is passed in. Batches that were not handed over yet keep their order and wait for a leader.
 */
export class ProposalQueue {
  readonly #options: ProposalQueueOptions;
  /** Every unsettled batch by sequence; in order of age, and so of deadline. */
  readonly #pending = new Map<number, Batch>();
  /** Batches appended by this node as leader, by index: an entry of another term at that index settles them. */
  readonly #positions = new Map<number, { readonly term: number; readonly batches: readonly Batch[] }>();
  #open: Batch[] = [];
  #foreign: Uint8Array[] = [];
  #outgoing: Outgoing[] = [];
  #sequence = 0;
  #pendingBytes = 0;

  constructor(options: ProposalQueueOptions) {
    this.#options = options;
  }

  /** Bytes of commands whose outcome is open. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Whether something waits to be handed to the core. */
  get hasWork(): boolean {
    return this.#open.length > 0 || this.#foreign.length > 0 || this.#outgoing.length > 0;
  }

  /** Adds a command to the current turn. The body must not change until it is settled. */
  add(command: Command, deadline: number): Promise<CommandResult> {
    const bytes = sealedCommandBytes(command);
    if (this.#pendingBytes + bytes > this.#options.maxPendingBytes) {
      const error = new HoldfastError(
        "OVERLOADED",
        `commands waiting for their outcome would exceed maxPendingBytes (${this.#options.maxPendingBytes}); wait for earlier writes`,
      );
      return Promise.reject(error);
    }
    const batch = this.#batchFor(bytes, deadline);
    batch.commands.push(command);
    batch.bytes += bytes;
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      batch.settlers.push({ resolve, reject });
    });
  }

  #batchFor(bytes: number, deadline: number): Batch {
    const last = this.#open.at(-1);
    if (
      last !== undefined &&
      last.commands.length < this.#options.batchSize &&
      last.bytes + bytes <= this.#options.entryBytes
    ) {
      return last;
    }
    this.#sequence += 1;
    const batch: Batch = {
      sequence: this.#sequence,
      commands: [],
      settlers: [],
      deadline,
      bytes: 0,
      handed: false,
    };
    this.#open.push(batch);
    this.#pending.set(batch.sequence, batch);
    return batch;
  }

  /** Adds the sealed batches that a follower forwarded; they join this node's next entry as they are. */
  addForeign(data: Uint8Array): void {
    this.#foreign.push(data);
  }

  /** Forgets forwarded batches that were not handed over: their proposers have deadlines of their own. */
  dropForeign(): void {
    this.#foreign = [];
  }

  /** Seals what the turn collected and hands over as much as the core takes, in order. */
  flush(propose: Propose): void {
    this.#seal();
    let sent = 0;
    for (const outgoing of this.#outgoing) {
      const position = propose(outgoing.data);
      if (position === undefined) break;
      sent += 1;
      for (const batch of outgoing.batches) batch.handed = true;
      if (position !== "forwarded" && outgoing.batches.length > 0) {
        this.#positions.set(position.index, { term: position.term, batches: outgoing.batches });
      }
    }
    if (sent > 0) this.#outgoing.splice(0, sent);
  }

  #seal(): void {
    const own = this.#open;
    this.#open = [];
    // The first entry of a turn takes along what followers sent; the batches behind it have filled their entries.
    for (const batch of own) {
      const along = this.#takeForeign(this.#options.entryBytes - batch.bytes);
      this.#outgoing.push({ data: this.#payload(batch, along), batches: [batch] });
    }
    while (this.#foreign.length > 0) {
      let along = this.#takeForeign(this.#options.entryBytes);
      if (along.length === 0) along = this.#foreign.splice(0, 1);
      this.#outgoing.push({ data: this.#payload(undefined, along), batches: [] });
    }
  }

  #takeForeign(room: number): readonly Uint8Array[] {
    let count = 0;
    let bytes = 0;
    for (const data of this.#foreign) {
      bytes += data.length;
      if (bytes > room) break;
      count += 1;
    }
    return this.#foreign.splice(0, count);
  }

  #payload(batch: Batch | undefined, foreign: readonly Uint8Array[]): Uint8Array {
    let bytes = batch === undefined ? 0 : sealedBatchBytes(batch.commands);
    for (const data of foreign) bytes += data.length;
    const target = payloadBuffer(bytes);
    const buffer = Buffer.from(target.buffer, target.byteOffset, target.length);
    let at = 0;
    if (batch !== undefined) at = sealBatch(buffer, 0, this.#originOf(batch), batch.commands);
    for (const data of foreign) {
      buffer.set(data, at);
      at += data.length;
    }
    return target;
  }

  #originOf(batch: Batch): BatchOrigin {
    return { ...this.#options.origin, sequence: batch.sequence };
  }

  /** Settles a batch of this node that was applied; `results` holds one per command. */
  settleApplied(sequence: number, results: readonly CommandResult[]): void {
    const batch = this.#pending.get(sequence);
    if (batch === undefined) return;
    this.#forget(batch);
    batch.settlers.forEach(({ resolve, reject }, i) => {
      const result = results[i];
      if (result === undefined) reject(new HoldfastError("STOPPED", "state machine gave no result"));
      else resolve(result);
    });
  }

  /** An entry was applied at `index`: what this node had appended there in another term is gone for good. */
  settlePosition(index: number, term: number): void {
    const position = this.#positions.get(index);
    if (position === undefined) return;
    this.#positions.delete(index);
    if (position.term === term) return;
    for (const batch of position.batches) {
      this.#fail(batch, new HoldfastError("NOT_COMMITTED", overwritten(index)));
    }
  }

  /** The log up to `index` was replaced by a snapshot: what happened to entries in it cannot be told. */
  settleSnapshot(index: number): void {
    for (const [at, position] of this.#positions) {
      if (at > index) continue;
      this.#positions.delete(at);
      for (const batch of position.batches) {
        this.#fail(batch, new HoldfastError("UNKNOWN", "a snapshot replaced the log before the outcome was known"));
      }
    }
  }

  /** Settles what is overdue at `now`. */
  expire(now: number): void {
    for (const batch of this.#pending.values()) {
      if (batch.deadline > now) break;
      this.#fail(batch, deadlineError(batch));
    }
    this.#outgoing = this.#outgoing.filter(
      ({ batches }) => batches.length === 0 || batches.some(({ sequence }) => this.#pending.has(sequence)),
    );
  }

  /** Settles everything; `queued` is the error of what was never handed over, `handed` that of the rest. */
  failAll(queued: () => HoldfastError, handed: () => HoldfastError): void {
    for (const batch of [...this.#pending.values()]) {
      this.#fail(batch, batch.handed ? handed() : queued());
    }
    this.#open = [];
    this.#outgoing = [];
    this.#foreign = [];
    this.#positions.clear();
  }

  #fail(batch: Batch, error: HoldfastError): void {
    if (!this.#pending.has(batch.sequence)) return;
    this.#forget(batch);
    this.#open = this.#open.filter((open) => open !== batch);
    for (const { reject } of batch.settlers) reject(error);
  }

  #forget(batch: Batch): void {
    this.#pending.delete(batch.sequence);
    this.#pendingBytes -= batch.bytes;
  }
}

function overwritten(index: number): string {
  return `a new leader wrote another entry at index (${index}); the command had no effect and can be repeated`;
}

function deadlineError(batch: Batch): HoldfastError {
  return batch.handed
    ? new HoldfastError(
        "UNKNOWN",
        "no outcome before the deadline; the command may still take effect: repeat it only if that is harmless",
      )
    : new HoldfastError(
        "NOT_COMMITTED",
        "no leader took the command before the deadline; it had no effect and can be repeated",
      );
}
