import type { Entry, HardState } from "raft-ts-lite";
import type { GroupWrite } from "../../src/log/write-ahead-log.ts";

interface Found {
  readonly state: unknown;
  readonly entries: readonly { index: number; term: number; data: string }[];
}

interface FoundState {
  readonly hardState: HardState;
  readonly compactedIndex: number;
  readonly compactedTerm: number;
}

/** A group's log as an array: what the real one must agree with. */
export class NaiveLog {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  /** The commit index that was written with something else: a later one may be lost. */
  sureCommit = 0;
  /** The log began behind this entry. */
  start = 0;
  startTerm = 0;
  entries: Entry[] = [];
  /** For a generator: the newest term, and the last index that is committed. */
  term = 1;
  floor = 0;

  get last(): number {
    return this.start + this.entries.length;
  }

  copy(): NaiveLog {
    return Object.assign(new NaiveLog(), this, { entries: [...this.entries] });
  }

  apply({ snapshot, entries, hardState }: GroupWrite): void {
    if (snapshot !== undefined) {
      this.start = snapshot.index;
      this.startTerm = snapshot.term;
      this.entries = [];
    }
    for (const entry of entries ?? []) {
      this.entries.length = entry.index - this.start - 1;
      this.entries.push(entry);
    }
    const { term, vote } = this.hardState;
    if (hardState !== undefined) this.hardState = hardState;
    const more = (entries?.length ?? 0) > 0 || snapshot !== undefined;
    const voted = term !== this.hardState.term || vote !== this.hardState.vote;
    if (more || voted) this.sureCommit = this.hardState.commit;
  }

  termOf(index: number): number | undefined {
    return index === this.start ? this.startTerm : this.entries[index - this.start - 1]?.term;
  }

  /** Why `found` cannot be this log, of which up to `compactable` may have been compacted. */
  difference(found: Found | undefined, compactable: number): string | undefined {
    const { hardState, compactedIndex, compactedTerm } = found?.state as FoundState;
    const { term, vote, commit } = this.hardState;
    if (hardState.term !== term || hardState.vote !== vote) return `term ${term}, vote ${vote}`;
    if (hardState.commit < this.sureCommit || hardState.commit > commit) return `commit ${commit}`;
    if (compactedIndex < this.start || compactedIndex > Math.max(this.start, compactable)) {
      return `compacted up to ${compactedIndex}, not [${this.start}, ${compactable}]`;
    }
    if (this.termOf(compactedIndex) !== compactedTerm) return `term at ${compactedIndex}`;
    const rest = this.entries.slice(compactedIndex - this.start);
    const wanted = rest.map(({ index, term, data }) => [
      index,
      term,
      Buffer.from(data).toString("latin1"),
    ]);
    const present = found?.entries.map(({ index, term, data }) => [index, term, data]) ?? [];
    if (JSON.stringify(wanted) === JSON.stringify(present)) return undefined;
    const names = (list: readonly unknown[][]): string =>
      list.map(([i, t]) => `${String(i)}/${String(t)}`).join(" ");
    return `entries are ${names(present)}, not ${names(wanted)}`;
  }
}
