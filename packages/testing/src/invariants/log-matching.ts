import type { NodeInspection } from "@holdfast/core/inspection";
import { type Invariant, InvariantViolation, type NodeView } from "./invariant.ts";
import { LogCopy } from "./log-copy.ts";
import { PerNode } from "./per-node.ts";

const NAME = "log-matching";

/** What every log holds that holds an entry of one index and term. */
interface KnownEntry {
  readonly term: number;
  /** Of the entry before it, where a log was seen that holds both. */
  previousTerm: number | undefined;
  previousSeenAt: number;
  /** Of type and bytes, where they were in memory. */
  hash: number | undefined;
  hashSeenAt: number;
}

/**
 * If two logs contain an entry with the same index and term, then the logs are identical in all entries up to it. One
 * record for all logs and all times says of each (index, term) what the entry holds and of which term the entry
 * before it is: that is the whole property, by induction. Terms also never fall along a log.
 *
 * Raft paper, figure 3 and section 5.3; traps 2, 3 and 7.
 */
class LogMatching implements Invariant {
  readonly name = NAME;
  readonly source = "Raft paper, figure 3 and section 5.3; traps 2, 3, 7";
  // By life, because the bytes that a start read from the disk are others than those in memory before.
  readonly #nodes = new PerNode("life", () => new LogCopy());
  /** By index; few terms ever compete for one. */
  readonly #known = new Map<number, KnownEntry[]>();

  stepped(node: NodeView): void {
    const { inspection } = node;
    const copy = this.#nodes.of(node);
    for (let index = copy.update(inspection); index <= copy.last; index++) {
      this.#check(node, index, copy.termOf(index - 1));
    }
  }

  #check(node: NodeView, index: number, previousTerm: number | undefined): void {
    const { inspection, id } = node;
    const term = inspection.termOf(index);
    if (term === undefined) {
      throw new InvariantViolation(
        NAME,
        `the log of node ${id} goes from ${inspection.firstIndex} to ${inspection.lastIndex}, but has no entry ${index}`,
      );
    }
    if (previousTerm !== undefined && previousTerm > term) {
      throw new InvariantViolation(
        NAME,
        `in the log of node ${id}, entry ${index} of term ${term} follows one of the later term ${previousTerm}`,
      );
    }
    const hash = hashAt(inspection, index);
    const known = this.#find(index, term);
    if (known === undefined) {
      this.#add(index, { term, previousTerm, previousSeenAt: id, hash, hashSeenAt: id });
      return;
    }
    comparePrevious(node, index, known, previousTerm);
    compareBytes(node, index, known, hash);
  }

  #find(index: number, term: number): KnownEntry | undefined {
    return this.#known.get(index)?.find((entry) => entry.term === term);
  }

  #add(index: number, entry: KnownEntry): void {
    const others = this.#known.get(index);
    if (others === undefined) this.#known.set(index, [entry]);
    else others.push(entry);
  }
}

/** See {@link LogMatching}. */
export function logMatching(): Invariant {
  return new LogMatching();
}

function comparePrevious(
  { id }: NodeView,
  index: number,
  known: KnownEntry,
  previousTerm: number | undefined,
): void {
  if (previousTerm === undefined || previousTerm === known.previousTerm) return;
  if (known.previousTerm !== undefined) {
    throw new InvariantViolation(
      NAME,
      `nodes ${known.previousSeenAt} and ${id} hold entry ${index} of term ${known.term}, but before it, node ${known.previousSeenAt} held one of term ${known.previousTerm}, and node ${id} holds one of term ${previousTerm}`,
    );
  }
  known.previousTerm = previousTerm;
  known.previousSeenAt = id;
}

function compareBytes(
  { id }: NodeView,
  index: number,
  known: KnownEntry,
  hash: number | undefined,
): void {
  if (hash === undefined || hash === known.hash) return;
  if (known.hash !== undefined) {
    throw new InvariantViolation(
      NAME,
      `entry ${index} of term ${known.term} at node ${id} holds other bytes than at node ${known.hashSeenAt}`,
    );
  }
  known.hash = hash;
  known.hashSeenAt = id;
}

function hashAt(inspection: NodeInspection, index: number): number | undefined {
  // The entry before the first one is known by its term only.
  if (index < inspection.firstIndex) return undefined;
  const entry = inspection.entry(index);
  if (entry === undefined) return undefined;
  let hash = 0x811c_9dc5;
  for (let at = 0; at < entry.type.length; at++) hash = mixed(hash, entry.type.charCodeAt(at));
  for (const byte of entry.data) hash = mixed(hash, byte);
  return hash;
}

/** One step of FNV-1a. */
function mixed(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x0100_0193);
}
