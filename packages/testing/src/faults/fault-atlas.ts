import type { ConfState } from "raft-ts-lite";

/** A change of members that is under way: it may be in force at any time, on any node. */
export type ChangeUnderWay = { readonly type: "promote" | "remove"; readonly id: number };

/**
 * Bounds what is done to disks to what Raft promises to survive: of the voters of every active configuration, a minority may have lost or damaged what
 * it acknowledged, until each of them has been replaced by a member that caught up. Crashes are not bounded: what was synced comes back.
 */
export class FaultAtlas {
  readonly #impaired = new Set<number>();
  readonly #meetings = new Set<string>();
  readonly #changes = new Set<ChangeUnderWay>();
  /** Configurations that were seen, by their voters: a node that is down may still act on an old one. */
  readonly #known = new Map<string, ReadonlySet<number>>();

  get impaired(): ReadonlySet<number> {
    return this.#impaired;
  }

  isImpaired(id: number): boolean {
    return this.#impaired.has(id);
  }

  /** Marks a node as one whose disk cannot be relied on, if the others can do without it. */
  impair(id: number): boolean {
    if (this.#impaired.has(id)) return true;
    if (this.#known.size === 0) return false;
    const impaired = new Set([...this.#impaired, id]);
    for (const voters of this.#known.values()) {
      if (!survives(voters, impaired)) return false;
      for (const change of this.#changes) {
        const after = new Set(voters);
        if (change.type === "promote") after.add(change.id);
        else after.delete(change.id);
        if (!survives(after, impaired)) return false;
      }
    }
    this.#impaired.add(id);
    return true;
  }

  /**
   * As {@link impair}, for a disk that is to be emptied. Only members who have met a node can tell that it is not itself any more, so all voters must have:
   * two founders that never met, one of them wiped, could begin the group anew beside the third (docs/guarantees.md says so to operators).
   */
  empty(id: number): boolean {
    for (const voters of this.#known.values()) {
      for (const voter of voters) {
        if (voter !== id && !this.#meetings.has(meeting(voter, id))) return false;
      }
    }
    return this.impair(id);
  }

  /** One node has admitted another, and so will know it again. */
  met(by: number, id: number): void {
    this.#meetings.add(meeting(by, id));
  }

  /** The node's place was taken by a member that caught up, and every node that counts knows. */
  replaced(id: number, now: readonly ConfState[]): void {
    this.#impaired.delete(id);
    this.#known.clear();
    for (const confState of now) this.note(confState);
  }

  /** A change of members begins; returns what ends it. */
  begin(change: ChangeUnderWay): () => void {
    this.#changes.add(change);
    return () => this.#changes.delete(change);
  }

  /** A node has applied this configuration: it may act on it for as long as it exists. */
  note({ voters, votersOutgoing }: ConfState): void {
    for (const ids of [voters, votersOutgoing]) {
      if (ids.length > 0) this.#known.set(ids.join(","), new Set(ids));
    }
  }
}

function meeting(by: number, id: number): string {
  return `${by} knows ${id}`;
}

/** Whether a majority of the voters can be relied on. */
function survives(voters: ReadonlySet<number>, impaired: ReadonlySet<number>): boolean {
  let lost = 0;
  for (const id of voters) if (impaired.has(id)) lost += 1;
  return voters.size === 0 || lost <= Math.floor((voters.size - 1) / 2);
}
